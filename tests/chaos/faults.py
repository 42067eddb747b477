"""Every kind of fault as a function that does one to a running scenario and says what it did."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from tests.chaos.failpoints import Action, Failpoint
from tests.chaos.members import SESSION_S, Member
from tests.chaos.scenario import PARTITIONS, Scenario
from tests.chaos.tears import Moment, lost_tokens
from tests.chaos.truth import BROWSER
from tests.support.proxy import Deed, Proxy, seeded

STEPS = ("propose", "standing", "store", "find", "mark_stored", "commit", "poll", "open_claims", "claims", "watermarks")
TABLES = (BROWSER.staging_table, "ops.dead_letters", "ops.freshness", "ops.claims", "ops.stored")
# Moments that inserts have; the third one is of swaps.
_OF_INSERTS = (Moment.BEFORE, Moment.AFTER)
_MEMBERS = 2
_PAST_SESSION_S = 2.5 * SESSION_S


@dataclass
class Round:
    """A scenario under faults: its members go to ClickHouse through the proxy."""

    scenario: Scenario
    proxy: Proxy
    random: Random
    frozen: list[tuple[float, Member]] = field(default_factory=list)

    def carry_out(self, kind: str) -> str:
        """Do one fault, then let a supervisor replace the members that ended and wake those that slept long enough."""
        done = FAULTS[kind].do(self)
        now = time.monotonic()
        for since, member in list(self.frozen):
            if now - since > _PAST_SESSION_S:
                member.signal(signal.SIGCONT)
                self.frozen.remove((since, member))
        self.keep(_MEMBERS)
        self.supervise()
        return done

    def supervise(self) -> None:
        """Replace members that ended."""
        self.scenario.crew.replace_ended(_MEMBERS + len(self.frozen))

    def keep(self, wanted: int) -> None:
        """Let surplus members leave in good order: there are as many partitions as may work at once."""
        leaving = self.awake()[wanted:]
        for member in leaving:
            member.signal(signal.SIGTERM)
        for member in leaving:
            member.wait()

    def settle(self) -> None:
        """Wake everybody, stop meddling, and wait until all is stored."""
        self.proxy.plan = lambda _method: Deed.PASS
        for _, member in self.frozen:
            member.signal(signal.SIGCONT)
        self.frozen.clear()
        self.scenario.wait_stored(members=_MEMBERS)

    def awake(self) -> list[Member]:
        """Members that run."""
        asleep = {member.name for _, member in self.frozen}
        return [member for member in self.scenario.crew.alive() if member.name not in asleep]

    def any_member(self) -> Member:
        """One that runs; started when there is none."""
        return self.random.choice(self.awake() or [self.scenario.crew.start(rows=100)])

    def pause(self, low_s: float, high_s: float) -> None:
        """Let members work up to a random moment."""
        time.sleep(self.random.uniform(low_s, high_s))


def _kill_at_step(this: Round) -> str:
    point = _failpoint(this.random, Action.KILL)
    member = this.scenario.crew.start(point, rows=100)
    member.wait_killed()
    return f"{member.name} at {point}"


def _freeze_at_step(this: Round) -> str:
    point = _failpoint(this.random, Action.STOP)
    member = this.scenario.crew.start(point, rows=100)
    member.wait_stopped()
    this.frozen.append((time.monotonic(), member))
    return f"{member.name} at {point}"


def _failpoint(random: Random, action: Action) -> Failpoint:
    step = random.choice(STEPS)
    nth = random.randint(1, 3) if step in STEPS[:7] else 1
    return Failpoint(random.choice(("before", "after")), step, nth, action)


def _kill_member(this: Round) -> str:
    this.pause(0.05, 0.8)
    member = this.any_member()
    member.kill()
    return member.name


def _freeze_member(this: Round) -> str:
    this.pause(0.05, 0.5)
    member = this.any_member()
    member.signal(signal.SIGSTOP)
    this.frozen.append((time.monotonic(), member))
    return member.name


def _kill_front(this: Round) -> str:
    this.pause(0.05, 0.8)
    this.scenario.place.kill_front()
    return "and started again"


def _kill_front_at_rename(this: Round) -> str:
    front = this.scenario.place.front
    table, moment = this.random.choice(TABLES), this.random.choice(_OF_INSERTS)
    folder = front.table_folder(table)
    before = lost_tokens(folder)
    front.arm(table, moment)
    front.wait_dead(meanwhile=this.supervise)
    torn = lost_tokens(folder) - before
    this.scenario.place.restart_front()
    assert len(torn) == (moment is Moment.BEFORE), f"{table}, {moment}: the tear left {torn}"
    return f"{moment} the rename in {table}" + (f", torn: {', '.join(torn)}" if torn else "")


def _freeze_front(this: Round) -> str:
    process = this.scenario.place.front.front.process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    try:
        this.pause(0.5, 2.5)
    finally:
        process.send_signal(signal.SIGCONT)
    return "and woken"


def _kill_broker(this: Round) -> str:
    this.pause(0.05, 0.8)
    this.scenario.kill_broker()
    return "and started again"


def _disturb_requests(this: Round) -> str:
    before = this.proxy.done.copy()
    this.proxy.plan = seeded(this.random.getrandbits(32), share=0.4)
    this.pause(1.0, 2.0)
    this.proxy.plan = lambda _method: Deed.PASS
    done = this.proxy.done - before
    return ", ".join(f"{count} × {deed}" for deed, count in sorted(done.items()) if deed is not Deed.PASS)


def _join_and_leave(this: Round) -> str:
    joining = this.random.randint(1, 2)
    for _ in range(joining):
        this.scenario.crew.start(rows=100)
    this.pause(0.3, 1.2)
    leaving = this.any_member()
    leaving.signal(signal.SIGTERM)
    return f"{joining} joined, {leaving.name} left"


def _drain_beside(this: Round) -> str:
    member = this.scenario.crew.start(runs=False)
    this.pause(0.5, 1.5)
    return f"{member.name} drains"


def _remove_unread(this: Round) -> str:
    scenario = this.scenario
    with scenario.unfed():
        this.settle()
        sleepers = this.awake()
        for member in sleepers:
            member.signal(signal.SIGSTOP)
        scenario.feed(30)  # answers the requests that were under way
        scenario.feed(150)
        partition = this.random.randrange(PARTITIONS)
        before = scenario.truth.ends()[partition] - this.random.randint(0, 20)
        scenario.truth.may_be_lost[partition].update(range(before))
        scenario.remove_before(partition, before)
        for member in sleepers:
            member.signal(signal.SIGCONT)
    return f"[{partition}] before {before}"


def _make_topic_again(this: Round) -> str:
    with this.scenario.unfed():
        this.scenario.recreate_topic()
        this.scenario.feed(this.random.choice((50, 500)))
    return f"now {this.scenario.truth.epoch}"


def _lose_group(this: Round) -> str:
    with this.scenario.unfed():
        this.settle()
        this.scenario.crew.stop_all()
    this.scenario.forget_group()
    return "with its offsets"


@dataclass(frozen=True)
class Fault:
    """How it is done, and its share of all faults."""

    do: Callable[[Round], str]
    share: int


FAULTS: Mapping[str, Fault] = {
    "kill member at step": Fault(_kill_at_step, 32),
    "kill member": Fault(_kill_member, 26),
    "freeze member at step": Fault(_freeze_at_step, 20),
    "freeze member": Fault(_freeze_member, 12),
    "kill front": Fault(_kill_front, 24),
    "kill front at rename": Fault(_kill_front_at_rename, 28),
    "freeze front": Fault(_freeze_front, 6),
    "kill broker": Fault(_kill_broker, 10),
    "disturb requests": Fault(_disturb_requests, 16),
    "join and leave": Fault(_join_and_leave, 14),
    "drain beside": Fault(_drain_beside, 8),
    "remove unread": Fault(_remove_unread, 6),
    "make topic again": Fault(_make_topic_again, 8),
    "lose group": Fault(_lose_group, 5),
}


def plan(seed: int, count: int, rounds: int) -> list[list[str]]:
    """`count` kinds by their shares, shuffled by `seed`, in `rounds` lots; each kind at least once."""
    total = sum(fault.share for fault in FAULTS.values())
    kinds = [kind for kind, fault in FAULTS.items() for _ in range(max(1, round(count * fault.share / total)))]
    random = Random(seed)
    random.shuffle(kinds)
    kinds += random.choices(list(FAULTS), k=max(0, count - len(kinds)))
    return [kinds[number::rounds] for number in range(rounds)]
