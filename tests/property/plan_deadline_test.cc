// A deadline that can be met is met, whatever spot does: played out in time against an adversary
// that takes spot away when it likes and moves every price. On-demand has room, and a launch takes
// the restart delay.

#include <gtest/gtest.h>

#include "plan_worlds.h"

namespace spillway::plan::test {
namespace {

class Play {
 public:
  Play(World& world, Duration work) : world_(world), work_(work) {}

  // The instant at which the job finishes.
  Instant run() {
    for (int step = 0; step < 400; ++step) {
      const Plan plan = make_plan(world_.snapshot, world_.now, world_.config);
      world_.snapshot = apply_plan(world_.snapshot, plan, world_.now, world_.config);
      job().earlier_attempt_ending = false;
      if (plan.training[0].verdict == TrainingVerdict::kPlace) job().starting_since = world_.now;
      bind();
      if (const auto end = advance(plan.wake_at)) return *end;
    }
    RC_FAIL("the job never finished");
    return {};
  }

 private:
  TrainingWorkload& job() { return world_.snapshot.training[0]; }

  void bind() {
    const auto placement = job().placement;
    if (!placement || !job().bound.empty()) return;
    job().state = AttemptState::kStarting;
    job().bound = world_.bind(job().demand, placement->pool, job().demand.replicas);
    if (job().bound.empty()) job().bound = {{.node = world_.node(placement->pool), .replicas = 1}};
  }

  // To the next thing that happens: the job starts or finishes, spot is taken away, the plan wants
  // to look again, or nothing but a price.
  std::optional<Instant> advance(std::optional<Instant> wake) {
    Instant next = world_.now + std::chrono::minutes(*rc::gen::inRange(1, 90));
    if (wake) next = std::min(next, *wake);
    const auto placement = job().placement;
    if (placement && job().state == AttemptState::kRunning) {
      const Instant done = job().running_since.value_or(world_.now) + work_;
      if (done <= next) return done;
    }
    const bool starts = placement && job().state == AttemptState::kStarting;
    if (starts) next = std::min(next, placement->since + world_.config.restart_delay);
    world_.now = std::max(next, world_.now);
    if (starts && world_.now >= placement->since + world_.config.restart_delay) {
      job().state = AttemptState::kRunning;
      job().running_since = world_.now;
    }
    disturb();
    return std::nullopt;
  }

  void disturb() {
    for (Pool& pool : world_.snapshot.pools)
      world_.set_price(pool.name.str(), *rc::gen::inRange(100, 3000) / 100.0);
    const auto placement = job().placement;
    const bool on_spot =
        placement && world_.snapshot.pools[placement->pool].tier == api::Tier::kSpot;
    if (on_spot && *rc::gen::inRange(0, 3) == 0) {
      job().state = AttemptState::kLost;
      job().bound.clear();
    }
    // Spot comes and goes.
    Pool& spot = world_.pool_named("spot");
    const bool out = *rc::gen::inRange(0, 3) == 0;
    spot.offering.availability =
        out ? market::Availability::kStockedOut : market::Availability::kAvailable;
    spot.offering.retry_at =
        out ? std::optional(world_.now + std::chrono::minutes(*rc::gen::inRange(1, 60)))
            : std::nullopt;
  }

  World& world_;
  Duration work_;
};

TEST(Property, ADeadlineThatCanBeMetIsMet) {
  check("against an adversary", [] {
    World world;
    world.spot("spot", {.nodes = 1, .max = 1000, .life = std::chrono::hours(20)});
    world.on_demand("od", {.nodes = 1, .max = 1000});
    const Duration work = std::chrono::minutes(*rc::gen::inRange(10, 1000));
    const Duration least = work + world.config.restart_delay;
    const Duration deadline = least + std::chrono::minutes(*rc::gen::inRange(1, 3000));
    world.job("train", {.duration = work, .deadline_in = deadline});
    const Instant end = Play(world, work).run();
    RC_LOG() << "work " << format_duration(work) << ", deadline in " << format_duration(deadline)
             << ", took " << format_duration(end - kNow) << "\n";
    RC_ASSERT(end <= kNow + deadline);
  });
}

}  // namespace
}  // namespace spillway::plan::test
