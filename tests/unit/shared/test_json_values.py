"""Values as JSON has them, and no wider."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError

from shared.json_values import Moment, OptionalMomentOrEpoch, WholeNumber

number = TypeAdapter[int](Annotated[int, Field(ge=1, le=100), WholeNumber])
moment = TypeAdapter[datetime](Moment)
moment_or_epoch = TypeAdapter[datetime | None](OptionalMomentOrEpoch)
zones = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@pytest.mark.parametrize("value", [True, False, "5", "", 5.5, float("inf"), float("nan"), None, [5], 0, 101, 10**400])
def test_what_json_calls_no_whole_number_within_the_bounds_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        number.validate_python(value)


@given(st.integers(1, 100))
def test_a_whole_number_may_be_written_with_a_fraction_of_zero(value: int) -> None:
    assert number.validate_python(value) == number.validate_python(float(value)) == value
    assert isinstance(number.validate_python(float(value)), int)


def test_bounds_stay_in_the_schema() -> None:
    assert number.json_schema() == {"type": "integer", "minimum": 1, "maximum": 100}


@given(st.datetimes(timezones=zones))
def test_every_moment_of_rfc_3339_is_taken(value: datetime) -> None:
    assert moment.validate_python(value.isoformat()) == value
    assert moment_or_epoch.validate_python(value.isoformat()) == value


@pytest.mark.parametrize(
    "value",
    [
        *("0", "1769853600", "2026-01-31", "2026-01-31 10:00:00Z", "2026-01-31T10:00Z", "2026-01-31T10:00:00"),
        *("2026-13-31T10:00:00Z", "2026-01-31T25:00:00Z", "2026-01-31T10:00:00Zz", "٢٠٢٦-01-31T10:00:00Z"),
        *("tomorrow", "", True, {}),
    ],
)
def test_whatever_else_looks_like_a_time_is_refused(value: object) -> None:
    for adapter in (moment, moment_or_epoch):
        with pytest.raises(ValidationError):
            adapter.validate_python(value)


@given(st.integers(0, 19_999_999_999))
def test_a_number_is_seconds_since_the_epoch(seconds: int) -> None:
    assert moment_or_epoch.validate_python(seconds) == datetime.fromtimestamp(seconds, UTC)


@given(st.integers(20_000_000_001, 253_402_300_799_000))
def test_a_number_that_can_only_be_milliseconds_is(milliseconds: int) -> None:
    assert moment_or_epoch.validate_python(milliseconds) == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        milliseconds=milliseconds
    )


@given(st.floats().filter(lambda value: not 0 <= value <= 253_402_300_799_000) | st.integers(max_value=-1))
def test_a_number_that_is_no_moment_is_refused(value: float) -> None:
    with pytest.raises(ValidationError) as raised:
        moment_or_epoch.validate_python(value)
    assert raised.value.errors()[0]["type"] == "invalid_time"


def test_no_moment_is_none_where_that_is_allowed() -> None:
    assert moment_or_epoch.validate_python(None) is None
