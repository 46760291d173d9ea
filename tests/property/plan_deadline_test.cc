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

// The same with checkpoints: the job saves every interval and, as the adversary likes, not for a
// while; what is lost is what was not saved. Decided by the spot programme.
class SavingPlay {
 public:
  SavingPlay(World& world, Duration work) : world_(world), work_(work) {}

  Instant run() {
    for (int step = 0; step < 4000; ++step) {
      const Plan plan = make_plan(world_.snapshot, world_.now, world_.config);
      const bool was_running = job().state == AttemptState::kRunning;
      world_.snapshot = apply_plan(world_.snapshot, plan, world_.now, world_.config);
      job().earlier_attempt_ending = false;
      const TrainingDecision& decision = plan.training[0];
      const bool ended = decision.verdict == TrainingVerdict::kPlace ||
                         decision.verdict == TrainingVerdict::kRelease;
      if (ended && was_running) forget_unsaved();
      if (decision.verdict == TrainingVerdict::kPlace) start();
      if (const auto end = advance(plan.wake_at)) return *end;
    }
    RC_FAIL("the job never finished");
    return {};
  }

 private:
  TrainingWorkload& job() { return world_.snapshot.training[0]; }
  Checkpointing& facts() { return *job().checkpointing; }
  [[nodiscard]] Duration saved() { return facts().verified ? facts().verified->work : Duration(0); }

  void start() {
    const std::size_t pool = job().placement->pool;
    job().state = AttemptState::kStarting;
    job().starting_since = world_.now;
    job().bound = world_.bind(job().demand, pool, 1);
    if (job().bound.empty()) job().bound = {{.node = world_.node(pool), .replicas = 1}};
  }

  void forget_unsaved() { done_ = saved(); }

  std::optional<Instant> advance(std::optional<Instant> wake) {
    Instant next = world_.now + std::chrono::minutes(*rc::gen::inRange(1, 40));
    if (wake) next = std::min(next, *wake);
    const bool runs = job().placement && job().state == AttemptState::kRunning;
    const bool starts = job().placement && job().state == AttemptState::kStarting;
    if (runs && world_.now + (work_ - done_) <= next) return world_.now + (work_ - done_);
    const Instant up = starts ? job().placement->since + world_.config.restart_delay : next;
    next = std::max(std::min(next, up), world_.now);
    if (runs) work_for(next - world_.now);
    world_.now = next;
    if (starts && world_.now >= up) begin();
    disturb();
    return std::nullopt;
  }

  void begin() {
    job().state = AttemptState::kRunning;
    job().running_since = world_.now;
    facts().resumed_work = done_ = saved();
    facts().resumed_step = facts().verified ? std::optional(facts().verified->step) : std::nullopt;
    facts().ended.reset();
  }

  void work_for(Duration time) {
    done_ += time;
    const bool requested =
        facts().save && facts().save->state == api::SaveState::kRequested && !broken_;
    const bool due = done_ - saved() >= facts().interval && !broken_;
    if (!requested && !due) return;
    const std::int64_t step = facts().verified ? facts().verified->step.value() + 1 : 1;
    facts().verified = VerifiedCheckpoint{.step = api::StepNumber(step),
                                          .attempt = job().placement->attempt,
                                          .committed_at = world_.now + time,
                                          .work = done_};
  }

  void disturb() {
    for (Pool& pool : world_.snapshot.pools)
      world_.set_price(pool.name.str(), *rc::gen::element(3.0, 8.0, 12.0, 24.0));
    broken_ = *rc::gen::inRange(0, 4) == 0;
    Pool& spot = world_.pool_named("spot");
    const auto placement = job().placement;
    const bool on_spot = placement && placement->pool == world_.index_of("spot");
    const bool taken = on_spot && *rc::gen::inRange(0, 5) == 0;
    if (taken) {
      job().state = AttemptState::kLost;
      job().loss = LossKind::kNode;
      job().bound.clear();
      forget_unsaved();
    }
    const bool out = taken || *rc::gen::inRange(0, 4) == 0;
    spot.seen_state = out ? MarketState::kGap : MarketState::kWindow;
    spot.seen_at = world_.now;
    spot.seen_age = std::chrono::minutes(*rc::gen::inRange(0, 300));
    spot.offering.availability =
        out ? market::Availability::kStockedOut : market::Availability::kAvailable;
    spot.offering.retry_at = out ? std::optional(world_.now + 2min) : std::nullopt;
  }

  World& world_;
  Duration work_;
  Duration done_{};
  bool broken_ = false;  // saves fail for now
};

TEST(Property, ADeadlineThatCanBeMetIsMetWithCheckpoints) {
  check("against an adversary, with checkpoints", [] {
    World world;
    world.config.programmes = &programmes();
    world.spot("spot", {.nodes = 1, .max = 1000, .life = 20h});
    world.on_demand("od", {.nodes = 1, .max = 1000});
    const Duration work = std::chrono::minutes(*rc::gen::inRange(10, 1000));
    const Duration least = work + world.config.restart_delay;
    const Duration deadline = least + std::chrono::minutes(*rc::gen::inRange(1, 3000));
    TrainingWorkload& job = world.job("train", {.duration = work, .deadline_in = deadline});
    job.checkpointing = Checkpointing{.interval = *rc::gen::element<Duration>(10min, 30min),
                                      .can_ask = *rc::gen::arbitrary<bool>(),
                                      .save_time = 30s};
    const Instant end = SavingPlay(world, work).run();
    RC_LOG() << "work " << format_duration(work) << ", deadline in " << format_duration(deadline)
             << ", took " << format_duration(end - kNow) << "\n";
    RC_ASSERT(end <= kNow + deadline);
  });
}

}  // namespace
}  // namespace spillway::plan::test
