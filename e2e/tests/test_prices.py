"""What happens to prices when the market cannot be read."""

from cluster import wait_until
from support.world import WAIT, condition

ZONE_A, ZONE_B = "us-east-1a", "us-east-1b"


def test_a_feed_that_is_down_makes_prices_stale_and_moves_nothing_until_it_is_back(world):
    prices = {ZONE_A: [(0, "0.90"), (60, "0.80")], ZONE_B: [(0, "1.10")]}
    market = world.open_market(prices, fresh_for="3s")
    cheap = world.pool("spot-a", tier="Spot", zone=ZONE_A, nodes=2)
    world.pool("spot-b", tier="Spot", zone=ZONE_B, nodes=2)
    operator = world.start_operator()
    cheap.wait_price("0.90")
    running = world.train("running")
    running.wait_running(cheap, attempt=1)
    quality = {"name": "spillway_pool_price_quality", "pool": cheap.name}
    wait_until(
        lambda: operator.metric(**quality, quality="Live") == 1, WAIT, "the metric to say so"
    )

    market.go_down()
    status = cheap.wait_price("0.90", quality="Stale")
    print("price:", status["price"], "ready:", condition(status, "Ready"))
    assert condition(status, "Ready")["reason"] == "PriceStale"
    wait_until(
        lambda: operator.metric(**quality, quality="Stale") == 1, WAIT, "the metric to say so"
    )
    assert operator.metric(**quality, quality="Live") == 0
    age = operator.metric("spillway_pool_price_age_seconds", pool=cheap.name)
    assert age > 3
    assert operator.metric("spillway_feed_errors_total") >= 1
    upper = "spillway_pool_price_upper_dollars_per_hour"
    assert 0.9 < operator.metric(upper, pool=cheap.name) <= 3.06, "it is reckoned with more"
    world.show("the feed is down")

    # A stale price is a price: work goes on, and new work finds a place.
    second = world.train("second")
    second.wait_running(cheap, attempt=1)
    assert running.status["attempt"] == 1

    market.come_back(60)
    status = cheap.wait_price("0.80", quality="Live")
    assert condition(status, "Ready")["reason"] == "Ready"
    wait_until(
        lambda: operator.metric(**quality, quality="Live") == 1, WAIT, "the metric to say so"
    )
    assert running.status["attempt"] == 1 and second.status["attempt"] == 1


def test_nothing_is_placed_on_a_price_that_nobody_knows(world):
    market = world.open_market({ZONE_A: [(0, "0.90")]})
    # The zone is not in the recording, and there is no on-demand price to stand in.
    blind = world.pool("blind", tier="Spot", zone=ZONE_B, nodes=2, on_demand=None)
    # Not heard yet, but bounded by the price of on-demand.
    bounded = world.pool("bounded", tier="Spot", zone="us-east-1c", nodes=1, on_demand="3.06")
    world.start_operator()
    status = blind.wait(
        lambda s: s.get("price", {}).get("quality") == "Unknown", "to have no price"
    )
    ready = condition(status, "Ready")
    print(ready["reason"], ready["message"])
    assert (ready["status"], ready["reason"]) == ("False", "PriceUnknown")
    assert "perNodeHour" not in status["price"], "unknown is not zero"
    bounded.wait_price("3.06", quality="Fallback")

    first = world.train("first")
    first.wait_running(bounded, attempt=1)
    second = world.train("second", maxRate="2.00")
    status = second.wait_condition("Placed", "False")
    print(condition(status, "Placed")["message"])
    assert not second.jobs()
    world.show("no price")

    market.go_down()
    world.wait_pass()
    assert not second.jobs() and blind.status["price"]["quality"] == "Unknown"
