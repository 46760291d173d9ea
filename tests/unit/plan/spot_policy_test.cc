// What the spot policy decides, and why: one situation a test.

#include <spillway/plan/spot_policy.h>

#include <gtest/gtest.h>

namespace spillway::plan {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

const ProgrammeLibrary& library() {
  static const ProgrammeLibrary shared;
  return shared;
}

HourlyRate dollars(double value) {
  return HourlyRate(Money::micros(static_cast<std::int64_t>(value * 1e6)));
}

SpotOffer up(Duration age, double price = 1) {
  return {.price = dollars(price),
          .sight = {.state = MarketState::kWindow, .age = age, .seen_ago = {}}};
}
SpotOffer down(Duration age, double price = 1) {
  return {.price = dollars(price),
          .sight = {.state = MarketState::kGap, .age = age, .seen_ago = {}},
          .may_launch = false};
}

SpotJob job_with_slack(Duration slack, Footing footing) {
  return {.work_left = hours(40),
          .time_left = hours(40) + slack,
          .changeover = minutes(12),
          .patience = minutes(5),
          .footing = footing};
}

SpotMarket market_of(std::vector<SpotOffer> offers) {
  return {.on_demand = dollars(3), .offers = std::move(offers)};
}

SpotMove decide(const SpotJob& job, const SpotMarket& market) {
  return choose_spot_move(job, market, library()).move;
}

TEST(SpotPolicy, WaitsInAFreshGapAndBuysInAnOldOneWhenSlackIsThin) {
  const SpotJob job = job_with_slack(hours(7), Footing::kNothing);
  EXPECT_EQ(decide(job, market_of({down(minutes(5))})), SpotMove::kWait);
  EXPECT_EQ(decide(job, market_of({down(hours(5))})), SpotMove::kLaunchOnDemand);
  EXPECT_EQ(decide(job_with_slack(hours(30), Footing::kNothing), market_of({down(hours(5))})),
            SpotMove::kWait);
}

TEST(SpotPolicy, LeavesOnDemandForAnOldWindowAndNotForAFreshOne) {
  const SpotJob job = job_with_slack(hours(3), Footing::kOnDemand);
  EXPECT_EQ(decide(job, market_of({up(minutes(5))})), SpotMove::kStay);
  EXPECT_EQ(decide(job, market_of({up(hours(6))})), SpotMove::kLaunchSpot);
}

TEST(SpotPolicy, StaysOnSpotWhateverTheSlack) {
  SpotJob job = job_with_slack(minutes(1), Footing::kSpot);
  EXPECT_EQ(decide(job, market_of({up(minutes(5))})), SpotMove::kStay);
  job.time_left = hours(1);
  EXPECT_EQ(decide(job, market_of({up(minutes(5))})), SpotMove::kStay)
      << "too late anyway: on-demand would cost a changeover";
}

TEST(SpotPolicy, IsForcedToOnDemandWhereSlackEnds) {
  const SpotJob job = job_with_slack(minutes(24), Footing::kNothing);
  EXPECT_TRUE(is_forced(job)) << "two changeovers and nothing more: equality is unsafe";
  const SpotChoice choice = choose_spot_move(job, market_of({up(hours(20))}), library());
  EXPECT_EQ(choice.move, SpotMove::kLaunchOnDemand);
  EXPECT_EQ(choice.reason, SpotReason::kForced);
  EXPECT_FALSE(is_forced(job_with_slack(minutes(35), Footing::kNothing)));
}

TEST(SpotPolicy, KeepsTheMarginForALongOnDemandLaunch) {
  SpotJob job = job_with_slack(hours(2), Footing::kNothing);
  EXPECT_FALSE(is_forced(job));
  job.margin = hours(2);
  EXPECT_TRUE(is_forced(job));
}

TEST(SpotPolicy, TakesSpotWhenForcedWithoutOnDemand) {
  SpotMarket market = market_of({up(minutes(1), 2), up(minutes(1), 1)});
  market.on_demand_available = false;
  const SpotChoice choice =
      choose_spot_move(job_with_slack(minutes(10), Footing::kNothing), market, library());
  EXPECT_EQ(choice.move, SpotMove::kLaunchSpot);
  EXPECT_EQ(choice.offer, 1U);
  EXPECT_EQ(choice.reason, SpotReason::kOnlyPossible);
}

TEST(SpotPolicy, LeavesSpotThatWasBegunInAStockOutOnceOnDemandIsBack) {
  SpotJob job = job_with_slack(minutes(60), Footing::kSpot);
  job.margin = hours(2);
  SpotMarket market = market_of({up(hours(1))});
  EXPECT_EQ(decide(job, market), SpotMove::kLaunchOnDemand);
  market.on_demand_available = false;
  EXPECT_EQ(decide(job, market), SpotMove::kStay);
  market.on_demand_available = true;
  job.time_left = job.work_left + job.margin + job.changeover + minutes(1);
  EXPECT_EQ(decide(job, market), SpotMove::kStay) << "one loss and one stock-out still fit";
  job.time_left = job.work_left + minutes(5);
  EXPECT_EQ(decide(job, market), SpotMove::kStay) << "too late for another changeover";
}

TEST(SpotPolicy, TakesTheOlderOfTwoEqualPricesAndTheCheaperOfTwoEqualAges) {
  const SpotJob job = job_with_slack(hours(8), Footing::kNothing);
  const auto offer = [&](std::vector<SpotOffer> offers) {
    const SpotChoice choice = choose_spot_move(job, market_of(std::move(offers)), library());
    EXPECT_EQ(choice.move, SpotMove::kLaunchSpot);
    return choice.offer;
  };
  EXPECT_EQ(offer({up(minutes(10)), up(hours(10))}), 1U);
  EXPECT_EQ(offer({up(hours(2), 1), up(hours(2), 0.7)}), 1U);
  EXPECT_EQ(offer({up(hours(2), 0.7), up(hours(2), 1)}), 0U);
}

TEST(SpotPolicy, MovesToAMuchCheaperOldWindowAndNotForNothing) {
  SpotJob job = job_with_slack(hours(12), Footing::kSpot);
  const SpotChoice move =
      choose_spot_move(job, market_of({up(hours(8), 2), up(hours(8), 0.8)}), library());
  EXPECT_EQ(move.move, SpotMove::kLaunchSpot);
  EXPECT_EQ(move.offer, 1U);
  EXPECT_EQ(decide(job, market_of({up(hours(8), 1), up(hours(8), 1)})), SpotMove::kStay);
  EXPECT_EQ(decide(job, market_of({up(hours(8), 1), up(minutes(3), 0.95)})), SpotMove::kStay);
}

TEST(SpotPolicy, CountsALowerPriceForAsLongAsThatOfferingLasts) {
  const SpotJob job = job_with_slack(hours(12), Footing::kSpot);
  SpotOffer cheap = up(hours(1), 0.9);
  EXPECT_EQ(decide(job, market_of({up(hours(8), 1.6), cheap})), SpotMove::kLaunchSpot);
  cheap.scale.window = 4;
  EXPECT_EQ(decide(job, market_of({up(hours(8), 1.6), cheap})), SpotMove::kStay)
      << "it goes before the move has paid for itself";
}

TEST(SpotPolicy, DoesNotWaitBesideSpotForNextToNothing) {
  const SpotJob job = job_with_slack(hours(12), Footing::kNothing);
  const SpotOffer never_seen{.price = dollars(1)};
  EXPECT_EQ(decide(job, market_of(std::vector<SpotOffer>(5, never_seen))), SpotMove::kLaunchSpot);
  EXPECT_EQ(decide(job, market_of({up(minutes(1)), up(hours(9)), up(hours(9)), up(hours(9))})),
            SpotMove::kLaunchSpot);
}

TEST(SpotPolicy, DoesNotBuySpotThatCostsAsMuchAsOnDemand) {
  const SpotJob job = job_with_slack(hours(1), Footing::kNothing);
  EXPECT_NE(decide(job, market_of({up(minutes(5), 3.2)})), SpotMove::kLaunchSpot);
  SpotJob running = job_with_slack(hours(3), Footing::kSpot);
  EXPECT_EQ(decide(running, market_of({up(hours(1), 6)})), SpotMove::kLaunchOnDemand);
}

TEST(SpotPolicy, TriesWhatItHasNotSeenForLong) {
  SpotJob job = job_with_slack(hours(12), Footing::kOnDemand);
  SpotOffer unseen = down(hours(1));
  unseen.may_launch = true;
  unseen.sight.seen_ago = hours(12);
  EXPECT_EQ(decide(job, market_of({unseen})), SpotMove::kLaunchSpot);
  job = job_with_slack(minutes(90), Footing::kOnDemand);
  unseen.sight.seen_ago = minutes(10);
  EXPECT_EQ(decide(job, market_of({unseen})), SpotMove::kStay)
      << "what came up meanwhile is too fresh to be worth it";
}

// Of an offering that was lost `ago`, with a launch that may be tried.
SpotOffer lost(Duration ago, double price = 1) {
  return {.price = dollars(price),
          .sight = {.state = MarketState::kGap, .age = {}, .seen_ago = ago}};
}

// The highest price, in hundredths, at which a job goes to an offering that was lost an hour ago,
// beside one at 200 that is there, or that it runs on.
int price_of_the_lost(SpotJob job, Duration refused_after) {
  job.refused_after = refused_after;
  for (int price = 200; price > 0; --price) {
    const SpotMarket market = market_of({up(hours(3), 2), lost(hours(1), price / 100.0)});
    const SpotChoice choice = choose_spot_move(job, market, library());
    if (choice.move == SpotMove::kLaunchSpot && choice.offer == 1) return price;
  }
  return 0;
}

TEST(SpotPolicy, WhereARefusalTakesTimeAnOfferingThatWasLostHasToSaveMore) {
  for (const Footing footing : {Footing::kNothing, Footing::kOnDemand, Footing::kSpot}) {
    const SpotJob job = job_with_slack(hours(8), footing);
    const int free = price_of_the_lost(job, {});
    const int soon = price_of_the_lost(job, minutes(2));
    const int late = price_of_the_lost(job, minutes(20));
    SCOPED_TRACE(testing::Message() << "footing " << static_cast<int>(footing) << ": " << free
                                    << ", " << soon << ", " << late);
    EXPECT_GT(free, 50);
    EXPECT_LT(soon, free);
    EXPECT_LE(late, free - 5);
    EXPECT_LE(late, soon);
  }
}

TEST(SpotPolicy, TheLostOfferingIsTriedFirstWhereItSavesEnoughOrHasProbablyComeBack) {
  SpotJob job = job_with_slack(hours(12), Footing::kNothing);
  job.refused_after = minutes(10);
  EXPECT_EQ(
      choose_spot_move(job, market_of({lost(minutes(5), 0.5), up(hours(6), 2.5)}), library()).offer,
      0U);
  EXPECT_EQ(
      choose_spot_move(job, market_of({lost(minutes(5), 0.9), lost(hours(9), 1)}), library()).offer,
      1U);
}

// To be charged for refusals on spot alone, while on-demand and waiting see spot come back for
// nothing, would drive everybody to on-demand.
TEST(SpotPolicy, RefusalsSayWhereToTryAndNotWhether) {
  int launches = 0;
  for (const Footing footing : {Footing::kNothing, Footing::kOnDemand}) {
    for (const Duration slack : {minutes(90), minutes(240), minutes(1200)}) {
      for (const Duration ago : {minutes(5), minutes(60), minutes(600)}) {
        for (const double price : {0.4, 1.0, 2.8}) {
          SpotJob job = job_with_slack(slack, footing);
          const SpotMarket market =
              market_of({lost(ago, price), lost(minutes(30), 1.3), up(minutes(30), 2)});
          const SpotMove free = decide(job, market);
          job.refused_after = minutes(10);
          EXPECT_EQ(decide(job, market), free);
          launches += free == SpotMove::kLaunchSpot ? 1 : 0;
        }
      }
    }
  }
  EXPECT_GT(launches, 10) << "else this says nothing";
}

TEST(SpotPolicy, GoesToOnDemandWithoutSpotOffers) {
  EXPECT_EQ(decide(job_with_slack(hours(12), Footing::kNothing), market_of({})),
            SpotMove::kLaunchOnDemand);
  EXPECT_EQ(decide(job_with_slack(hours(12), Footing::kOnDemand), market_of({})), SpotMove::kStay);
}

TEST(SpotPolicy, EndsWithTheWork) {
  SpotJob job = job_with_slack(hours(1), Footing::kOnDemand);
  job.work_left = {};
  EXPECT_EQ(choose_spot_move(job, market_of({up(hours(1))}), library()).reason, SpotReason::kDone);
}

TEST(SpotPolicy, ScalesLargeJobsDownAtTheSameRatioOfSlack) {
  SpotJob large = job_with_slack(hours(7), Footing::kNothing);
  large.work_left = hours(400);
  large.time_left = hours(470);
  EXPECT_EQ(decide(large, market_of({down(minutes(5))})), SpotMove::kWait);
  large.time_left = hours(420);
  EXPECT_EQ(decide(large, market_of({down(hours(5))})), SpotMove::kLaunchOnDemand);
}

}  // namespace
}  // namespace spillway::plan
