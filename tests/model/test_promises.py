"""The promises of docs/lines.md under every interleaving that hypothesis thinks of: each rule is one thing that may
happen, and `go_on` decides how far an actor comes before the next does."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from shared.clock import SECOND, Millis
from shared.messages.model import Priority
from tests.model.interleaving import Actor, Fault
from tests.model.relay import Reaction
from tests.model.runs import bounded
from tests.model.world import HowFar, World

IDS = ("a", "b", "c")
BATCH = "news"
MOST_ACTORS = 4

TO_ITS_END = None
BEFORE = (  # the calls at which it matters most who comes first
    "UpdateItem",
    "PutItem",
    "DeleteItem",
    "TransactWriteItems",
    "BatchWriteItem",
    "Query",
    "SendMessage",
    "MAIL",
    "reply",
    "ChangeMessageVisibility",
)
HOW_FAR = st.one_of(st.just(TO_ITS_END), st.just(TO_ITS_END), st.integers(1, 5), st.sampled_from(BEFORE))
NTH = st.integers(0, 7)
PARALLELISM = st.sampled_from((1, 2))


class Proxy(RuleBasedStateMachine):
    """Everything that may happen to the mail proxy, in any order. What shall happen often is said more than once."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @initialize(ids=st.lists(st.sampled_from(IDS), min_size=1, unique=True), parallelism=PARALLELISM)
    def there_is_mail(self, ids: list[str], parallelism: int) -> None:
        self.world.go_on(self.world.mend_account(parallelism))
        self.world.go_on(self.world.submit(ids))

    # -- clients ----------------------------------------------------------------------------------------------------

    @rule(
        ids=st.lists(st.sampled_from(IDS), min_size=1, unique=True),
        text=st.sampled_from(("one", "two")),
        priority=st.sampled_from((Priority.LOW, Priority.LOW, Priority.LOW, Priority.IMMEDIATE)),
        delay=st.sampled_from((0, 0, 0, 30 * SECOND, 200 * SECOND)),
        batch=st.sampled_from((None, BATCH)),
        how_far=HOW_FAR,
    )
    def submit(
        self, ids: list[str], text: str, priority: Priority, delay: Millis, batch: str | None, how_far: HowFar
    ) -> None:
        call = self.world.submit(ids, text=text, priority=priority, delay=delay, batch_code=batch)
        self._begin(call, how_far)

    @rule(mail_id=st.sampled_from(IDS), how_far=HOW_FAR)
    def cancel(self, mail_id: str, how_far: HowFar) -> None:
        self._begin(self.world.cancel(mail_id), how_far)

    @precondition(lambda self: self.world.failed())
    @rule(nth=NTH, how_far=HOW_FAR)
    def retry(self, nth: int, how_far: HowFar) -> None:
        failed = self.world.failed()
        self._begin(self.world.retry(failed[nth % len(failed)]), how_far)

    @rule(parallelism=PARALLELISM, how_far=HOW_FAR)
    def mend_account(self, parallelism: int, how_far: HowFar) -> None:
        self._begin(self.world.mend_account(parallelism), how_far)

    @rule(active=st.booleans(), how_far=HOW_FAR)
    def switch_tenant(self, active: bool, how_far: HowFar) -> None:
        self._begin(self.world.switch_tenant(active=active), how_far)

    @rule(batch=st.sampled_from((BATCH, BATCH, None)), how_far=HOW_FAR)
    def suspend(self, batch: str | None, how_far: HowFar) -> None:
        self._begin(self.world.suspend(batch), how_far)

    @rule(batch=st.sampled_from((BATCH, BATCH, None)), how_far=HOW_FAR)
    def activate(self, batch: str | None, how_far: HowFar) -> None:
        self._begin(self.world.activate(batch), how_far)

    @rule(paused=st.booleans(), how_far=HOW_FAR)
    def pause(self, paused: bool, how_far: HowFar) -> None:
        self._begin(self.world.pause(paused=paused), how_far)

    # -- AWS --------------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.world.receivable())
    @rule(nth=NTH, late=st.sampled_from((0, 0, 0, 0, 0, 60, 300)), how_far=HOW_FAR)
    def deliver(self, nth: int, late: int, how_far: HowFar) -> None:
        kinds = self.world.receivable()
        worker = self.world.deliver(kinds[nth % len(kinds)], late=late * SECOND)
        if worker is not None:
            self._begin(worker, how_far)

    deliver_also = deliver

    @rule(how_far=HOW_FAR)
    def scheduler_round(self, how_far: HowFar) -> None:
        self._begin(self.world.make_round(), how_far)

    @rule(seconds=st.sampled_from((1, 5, 20, 30, 61, 61, 150, 400, 1000)))
    def time_passes(self, seconds: int) -> None:
        self.world.pass_time(seconds * SECOND)

    @precondition(lambda self: self.world.receivable())
    @rule(nth=NTH, doubled=st.booleans())
    def a_wake_up_is_lost_or_doubled(self, nth: int, doubled: bool) -> None:
        kinds = self.world.receivable()
        kind = kinds[nth % len(kinds)]
        if doubled:
            self.world.double_wake_up(kind)
        else:
            self.world.lose_wake_up(kind)

    @rule(lag=st.booleans())
    def indexes(self, lag: bool) -> None:
        if lag:
            self.world.messages.freeze_indexes()
        else:
            self.world.messages.catch_up()

    # -- peers ------------------------------------------------------------------------------------------------------

    @rule(reaction=st.sampled_from(Reaction), times=st.sampled_from((1, 1, 1, 2, 3, 10)))
    def relay_will(self, reaction: Reaction, times: int) -> None:
        self.world.relay.reactions.extend([reaction] * times)

    @rule(times=st.integers(1, 3))
    def endpoint_fails(self, times: int) -> None:
        self.world.endpoint.failures = times

    # -- what is under way ------------------------------------------------------------------------------------------

    @precondition(lambda self: self.world.actors)
    @rule(nth=NTH, how_far=HOW_FAR, latest_first=st.booleans())
    def go_on(self, nth: int, how_far: HowFar, latest_first: bool) -> None:
        self.world.go_on(self._actor(nth), how_far, latest_first=latest_first)

    go_on_again = go_on
    go_on_once_more = go_on

    @precondition(lambda self: self.world.actors)
    @rule(nth=NTH, fault=st.sampled_from(Fault))
    def its_next_call_goes_wrong(self, nth: int, fault: Fault) -> None:
        actor = self._actor(nth)
        self.world.break_next_call(actor, fault)
        self.world.go_on(actor, 1)

    @precondition(lambda self: self.world.actors)
    @rule(nth=NTH)
    def kill(self, nth: int) -> None:
        self.world.kill(self._actor(nth))

    def _begin(self, actor: Actor, how_far: HowFar) -> None:
        self.world.go_on(actor, how_far)
        if len(self.world.actors) > MOST_ACTORS:
            self.world.go_on(self.world.actors[0])

    def _actor(self, nth: int) -> Actor:
        return self.world.actors[nth % len(self.world.actors)]

    def teardown(self) -> None:
        try:
            self.world.calm()
        finally:
            self.world.close()


TestProxy = Proxy.TestCase
TestProxy.settings = bounded(runs=200)
