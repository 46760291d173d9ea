#include "prospect.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include <spillway/control/children.h>

#include "prices.h"

namespace spillway::cli {
namespace {

using control::Picture;
using plan::TrainingVerdict;

plan::Config with(plan::Config config, const plan::ProgrammeLibrary& programmes) {
  config.programmes = &programmes;
  return config;
}

std::int64_t number_of_finished(const control::World& world) {
  std::int64_t count = 0;
  world.training_jobs.for_each([&](const auto& job) { count += control::over(*job) ? 1 : 0; });
  return count;
}

control::Picture picture_of(const control::World& world, Instant now) {
  control::PictureBuilder builder({});
  const RecordedPrices prices(world, now);
  return builder.build(world, {}, [&](const PoolName& pool) { return prices.price_of(pool); }, now);
}

Seat seat(const Picture& picture, std::size_t pool, std::int64_t replicas,
          const plan::Demand& demand) {
  const plan::Pool& at = picture.snapshot.pools[pool];
  Seat made{.pool = at.name, .tier = at.tier, .replicas = replicas};
  if (at.offering.price.quality != market::PriceQuality::kUnknown) {
    made.rate = control::workload_rate(at.offering.price.likely, replicas,
                                       demand.per_replica.accelerators, at.accelerators_per_node);
  }
  return made;
}

std::vector<Choice> choices(const Picture& picture,
                            const std::vector<plan::Alternative>& alternatives) {
  std::vector<Choice> list;
  for (const plan::Alternative& alternative : alternatives) {
    const plan::Pool& pool = picture.snapshot.pools[alternative.pool];
    Choice choice{.pool = pool.name,
                  .tier = pool.tier,
                  .zone = pool.location.zone,
                  .excluded = alternative.excluded};
    if (pool.offering.price.quality != market::PriceQuality::kUnknown)
      choice.rate = alternative.rate;
    if (std::isfinite(alternative.dollars_per_useful_hour) &&
        alternative.dollars_per_useful_hour > 0)
      choice.usd_per_useful_hour = alternative.dollars_per_useful_hour;
    list.push_back(std::move(choice));
  }
  return list;
}

Change change_of(const plan::TrainingDecision& decision, const plan::TrainingWorkload& workload) {
  switch (decision.verdict) {
    case TrainingVerdict::kKeep: return Change::kNone;
    case TrainingVerdict::kPlace:
      if (!workload.placement) return Change::kStart;
      return decision.placement && decision.placement->pool == workload.placement->pool
                 ? Change::kRestart
                 : Change::kMove;
    case TrainingVerdict::kRelease: return Change::kRelease;
    case TrainingVerdict::kWait: return Change::kWait;
    case TrainingVerdict::kSucceed:
    case TrainingVerdict::kFail: return Change::kFinish;
  }
  return Change::kNone;
}

Prospect prospect_of(const Picture& picture, const plan::TrainingDecision& decision, Instant now) {
  const plan::TrainingWorkload& workload = picture.snapshot.training[decision.workload];
  Prospect made{.training = true,
                .key = workload.key,
                .change = change_of(decision, workload),
                .cause = std::string(plan::to_string(decision.cause)),
                .sentence = plan::explain(picture.snapshot, decision, now),
                .alternatives = choices(picture, decision.alternatives)};
  const std::int64_t replicas = workload.demand.replicas;
  if (workload.placement)
    made.before.push_back(seat(picture, workload.placement->pool, replicas, workload.demand));
  if (decision.placement)
    made.after.push_back(seat(picture, decision.placement->pool, replicas, workload.demand));
  if (made.after.empty() && made.change != Change::kFinish) made.unplaced = replicas;
  return made;
}

Prospect prospect_of(const Picture& picture, const plan::InferenceDecision& decision, Instant now) {
  const plan::InferenceWorkload& workload = picture.snapshot.inference[decision.workload];
  Prospect made{.training = false,
                .key = workload.key,
                .cause = std::string(plan::to_string(decision.cause)),
                .sentence = plan::explain(picture.snapshot, decision, now),
                .unplaced = decision.unplaced,
                .alternatives = choices(picture, decision.alternatives)};
  for (const plan::InferenceAllocation& share : workload.allocations)
    made.before.push_back(seat(picture, share.pool, share.desired, workload.demand));
  for (const plan::InferenceShare& share : decision.shares)
    made.after.push_back(seat(picture, share.pool, share.replicas, workload.demand));
  const auto by_pool = [](const Seat& a, const Seat& b) { return a.pool < b.pool; };
  std::sort(made.before.begin(), made.before.end(), by_pool);
  std::sort(made.after.begin(), made.after.end(), by_pool);
  if (made.before != made.after) {
    made.change = made.before.empty()  ? Change::kStart
                  : made.after.empty() ? Change::kRelease
                                       : Change::kSpread;
  } else if (made.unplaced > 0) {
    made.change = Change::kWait;
  }
  return made;
}

template <class Kind>
Prospect aside(const Kind& object, bool training, Change change, const std::string& cause,
               const std::string& sentence) {
  return {.training = training,
          .key = object.meta.key,
          .change = change,
          .cause = cause,
          .sentence = sentence};
}

}  // namespace

std::string_view to_string(Change change) {
  switch (change) {
    case Change::kNone: return "stay";
    case Change::kStart: return "start";
    case Change::kMove: return "move";
    case Change::kRestart: return "restart";
    case Change::kSpread: return "spread";
    case Change::kRelease: return "release";
    case Change::kWait: return "wait";
    case Change::kFinish: return "finish";
    case Change::kRefused: return "refused";
    case Change::kHeld: return "held";
  }
  return "";
}

Preview::Preview(const control::World& world, const plan::Config& config, Instant now)
    : config_(with(config, programmes_)),
      now_(std::chrono::floor<std::chrono::seconds>(now)),
      picture_(picture_of(world, now_)),
      finished_(number_of_finished(world)),
      plan_(plan::make_plan(picture_.snapshot, now_, config_)) {}

Outlook Preview::outlook() const {
  Outlook made{.at = now_, .finished = finished_, .wake_at = plan_.wake_at};
  for (const plan::TrainingDecision& decision : plan_.training)
    made.workloads.push_back(prospect_of(picture_, decision, now_));
  for (const plan::InferenceDecision& decision : plan_.inference)
    made.workloads.push_back(prospect_of(picture_, decision, now_));
  for (const auto& refused : picture_.refused_training)
    made.workloads.push_back(
        aside(*refused.object, true, Change::kRefused, "InvalidSpec", refused.sentence));
  for (const auto& refused : picture_.refused_inference)
    made.workloads.push_back(
        aside(*refused.object, false, Change::kRefused, "InvalidSpec", refused.sentence));
  for (const auto& held : picture_.held) {
    made.workloads.push_back(aside(*held, true, Change::kHeld, "PoolMissing",
                                   "runs on a pool that is not there any more: left alone until it "
                                   "ends or the pool comes back"));
  }
  std::sort(made.workloads.begin(), made.workloads.end(), [](const Prospect& a, const Prospect& b) {
    return std::tuple(!a.training, a.key) < std::tuple(!b.training, b.key);
  });
  for (std::size_t i = 0; i < picture_.pools.size(); ++i) {
    const plan::Pool& pool = picture_.snapshot.pools[i];
    made.pools.push_back({.name = pool.name,
                          .tier = pool.tier,
                          .zone = pool.location.zone,
                          .model = pool.model,
                          .offering = pool.offering,
                          .use = plan_.pools[i],
                          .ready_nodes = picture_.ready_nodes[i],
                          .max_nodes = pool.max_nodes});
  }
  return made;
}

std::vector<Choice> Preview::alternatives_now(const Prospect& of) const {
  plan::Snapshot without = picture_.snapshot;
  const auto same = [&](const auto& workload) { return workload.key == of.key; };
  if (of.training) {
    const auto at = std::find_if(without.training.begin(), without.training.end(), same);
    if (at == without.training.end()) return {};
    at->placement.reset();
    at->state = plan::AttemptState::kNotCreated;
    at->starting_since.reset();
    at->running_since.reset();
    at->bound.clear();
    at->earlier_attempt_ending = false;
    const auto index = static_cast<std::size_t>(at - without.training.begin());
    return choices(picture_, plan::make_plan(without, now_, config_).training[index].alternatives);
  }
  const auto at = std::find_if(without.inference.begin(), without.inference.end(), same);
  if (at == without.inference.end()) return {};
  at->allocations.clear();
  const auto index = static_cast<std::size_t>(at - without.inference.begin());
  return choices(picture_, plan::make_plan(without, now_, config_).inference[index].alternatives);
}

}  // namespace spillway::cli
