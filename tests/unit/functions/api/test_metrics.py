"""The metrics as Prometheus scrapes them, read back by its own parser."""

import gzip
from collections.abc import Iterator

import pytest
from httpx import Response
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from functions.api.compression import gzipped
from functions.api.exposition import CONTENT_TYPE, exposition
from functions.api.routes import metrics
from functions.api.services import Services
from shared.accounts.counters import Counts, Tally
from shared.messages.depths import Depth
from shared.status.figures import Figures
from tests.unit.clock import SettableClock
from tests.unit.functions.api.caller import Api, CheckProblem, MakeMessage

COUNTERS = ("gmp_sent", "gmp_errors", "gmp_deferred", "gmp_rate_limited")
ACME, OTHER = ("acme", "main"), ("other", "main")


def families(body: str) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(body)}


def samples(body: str) -> Iterator[tuple[str, tuple[str, str], float]]:
    for family in families(body).values():
        for sample in family.samples:
            if sample.labels:
                yield sample.name, (sample.labels["tenant_id"], sample.labels["account_id"]), sample.value


def scraped(answer: Response) -> dict[tuple[str, tuple[str, str]], float]:
    assert answer.status_code == 200, answer.text
    return {(name, account): value for name, account, value in samples(answer.text)}


@given(
    st.dictionaries(
        st.tuples(st.text(max_size=64), st.text(max_size=64)),
        st.builds(Counts, *[st.integers(0, 2**53)] * 4),
        max_size=20,
    ),
    st.integers(0, 2**40),
)
def test_whatever_is_counted_and_however_it_is_named_reads_back_as_it_was(
    counts: dict[tuple[str, str], Counts], pending: int
) -> None:
    body = exposition(Figures(counts, Depth(pending))).decode()

    read = {(name, account): value for name, account, value in samples(body)}
    assert read == {
        (f"{name}_total", account): value
        for account, of_account in counts.items()
        for name, value in zip(
            COUNTERS, (of_account.sent, of_account.errors, of_account.deferred, of_account.rate_limited), strict=True
        )
    }
    [gauge] = families(body)["gmp_pending_messages"].samples
    assert (gauge.labels, gauge.value) == ({}, pending)


def test_every_series_is_described_and_of_its_type_also_with_nothing_to_tell(empty: Api) -> None:
    answer = empty.get("/metrics")

    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = families(answer.text)
    assert {name: family.type for name, family in found.items()} == {
        **dict.fromkeys(COUNTERS, "counter"),
        "gmp_pending_messages": "gauge",
    }
    assert all(family.documentation for family in found.values())


def test_each_account_has_its_four_counters_which_only_grow(
    admin: Api, services: Services, clock: SettableClock
) -> None:
    services.counters.add(*ACME, Tally(sent=3, errors=1, deferred=2, rate_limited=5), clock.now)
    first = scraped(admin.get("/metrics"))
    assert first == {
        ("gmp_sent_total", ACME): 3,
        ("gmp_errors_total", ACME): 1,
        ("gmp_deferred_total", ACME): 2,
        ("gmp_rate_limited_total", ACME): 5,
        **{(f"{name}_total", OTHER): 0 for name in COUNTERS},
    }

    services.counters.add(*ACME, Tally(sent=4), clock.now)
    second = scraped(admin.get("/metrics"))
    assert second["gmp_sent_total", ACME] == 7
    assert all(second[series] >= value for series, value in first.items())


def test_unsent_messages_of_all_tenants_are_pending(admin: Api, acme: Api, message: MakeMessage) -> None:
    acme.submit(message("a"), message("b", priority="low"))
    admin.submit(message("c"), tenant="other")

    [pending] = families(admin.get("/metrics").text)["gmp_pending_messages"].samples
    assert pending.value == 3


def test_one_tenant_can_be_scraped_by_itself(
    admin: Api, acme: Api, message: MakeMessage, problem: CheckProblem
) -> None:
    acme.submit(message("a"))
    admin.submit(message("b"), message("c"), tenant="other")

    answer = admin.get("/metrics", tenant_id="other")

    assert {account for _, account in scraped(answer)} == {OTHER}
    [pending] = families(answer.text)["gmp_pending_messages"].samples
    assert pending.value == 2
    problem(admin.get("/metrics", tenant_id="nobody"), 404, "not_found")


def test_who_takes_gzip_gets_it(admin: Api) -> None:
    for header, encoding in (("gzip", "gzip"), ("br, GZIP;q=1.0", "gzip"), ("identity", None), ("gzip;q=0", None)):
        headers = {"X-API-Token": admin.token or "", "Accept-Encoding": header}
        answer = admin.client.get("/metrics", headers=headers)
        assert answer.headers.get("content-encoding") == encoding, header
        assert answer.headers["vary"] == "Accept-Encoding"
        assert "gmp_sent_total" in answer.text


def test_what_lambda_could_not_answer_is_refused_with_the_way_out(
    admin: Api, monkeypatch: pytest.MonkeyPatch, problem: CheckProblem
) -> None:
    monkeypatch.setattr(metrics, "MAX_BYTES", 100)
    plain = {"X-API-Token": admin.token or "", "Accept-Encoding": "identity"}
    refused = problem(admin.client.get("/metrics", headers=plain), 422, "too_many_series")
    assert "Accept-Encoding: gzip" in str(refused["detail"])
    assert admin.get("/metrics").status_code == 200

    monkeypatch.setattr(metrics, "MAX_ACCOUNTS", 1)
    refused = problem(admin.get("/metrics"), 422, "too_many_series")
    assert "tenant_id=" in str(refused["detail"])
    assert admin.get("/metrics", tenant_id="acme").status_code == 200


def test_twenty_thousand_accounts_of_the_longest_names_fit_into_an_answer() -> None:
    names = [(f"{number:0>64}", f"{number * 7919 % 99991:0>64}") for number in range(metrics.MAX_ACCOUNTS)]
    counts = {name: Counts(*(number * 104_729 % 9_999_991 for _ in range(4))) for number, name in enumerate(names)}

    packed = gzipped(exposition(Figures(counts, Depth())))

    assert len(packed) * 4 / 3 < 6_000_000
    assert gzip.decompress(packed).count(b"\n") == 4 * len(counts) + 11


def test_the_answer_names_the_format_that_it_is_in() -> None:
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

    assert CONTENT_TYPE == CONTENT_TYPE_PLAIN_0_0_4
