#include <spillway/control/metrics.h>

#include <array>
#include <map>
#include <optional>
#include <sstream>
#include <utility>

#include <prometheus/text_serializer.h>

#include <spillway/control/children.h>

#include "metric_families.h"

namespace spillway::control {
namespace {

using Family = Families::Family;

std::string tier_name(const plan::Pool& pool) {
  return std::string(api::to_string(pool.tier));
}

// One series a value, 1 for the one that holds: the form in which an alert can name a state.
template <class Enum, std::size_t N>
void add_states(Family& family, const PoolName& pool, std::string_view label, Enum holds,
                const std::array<Enum, N>& all) {
  for (const Enum state : all) {
    family.add(state == holds ? 1 : 0,
               {{"pool", pool.str()}, {label, std::string(api::to_string(state))}});
  }
}

constexpr std::array kAvailabilities{api::Availability::kAvailable, api::Availability::kConstrained,
                                     api::Availability::kStockedOut};
constexpr std::array kQualities{api::PriceQuality::kLive, api::PriceQuality::kStale,
                                api::PriceQuality::kFallback, api::PriceQuality::kUnknown};
constexpr std::array kPhases{api::TrainingJobPhase::kPending,   api::TrainingJobPhase::kPlaced,
                             api::TrainingJobPhase::kStarting,  api::TrainingJobPhase::kRunning,
                             api::TrainingJobPhase::kEnding,    api::TrainingJobPhase::kSuspended,
                             api::TrainingJobPhase::kSucceeded, api::TrainingJobPhase::kFailed};

// ---- the leader's: pools and workloads

void add_pool_info(Families& out, const Picture& picture) {
  Family info = out.gauge("spillway_pool_info", "What a CapacityPool is; always 1.");
  for (const plan::Pool& pool : picture.snapshot.pools) {
    info.add(1, {{"pool", pool.name.str()},
                 {"tier", tier_name(pool)},
                 {"accelerator", pool.model.str()},
                 {"provider", pool.location.provider},
                 {"region", pool.location.region.str()},
                 {"zone", pool.location.zone.str()}});
  }
}

void add_pool_prices(Families& out, const Picture& picture) {
  Family likely = out.gauge("spillway_pool_price_dollars_per_hour",
                            "Price of one node of the pool for an hour: the best estimate.");
  Family upper =
      out.gauge("spillway_pool_price_upper_dollars_per_hour",
                "The price that decisions reckon with: the likely one while live, wider with age.");
  Family on_demand = out.gauge("spillway_pool_on_demand_price_dollars_per_hour",
                               "Price of the same node bought on demand.");
  Family quality = out.gauge("spillway_pool_price_quality",
                             "1 for the quality that the pool's price has, 0 for the others.");
  for (const plan::Pool& pool : picture.snapshot.pools) {
    const market::Offering& offering = pool.offering;
    add_states(quality, pool.name, "quality", offering.price.quality, kQualities);
    const auto add = [&](Family& family, HourlyRate rate) {
      family.add(rate.approximate_dollars(),
                 {{"pool", pool.name.str()}, {"tier", tier_name(pool)}});
    };
    // An unknown price is no price of zero.
    if (offering.price.quality != api::PriceQuality::kUnknown) {
      add(likely, offering.price.likely);
      add(upper, offering.price.upper);
    }
    if (offering.on_demand > HourlyRate()) add(on_demand, offering.on_demand);
  }
}

void add_pool_capacity(Families& out, const Picture& picture, const plan::Plan& plan) {
  Family accelerators = out.gauge("spillway_pool_accelerators",
                                  "Accelerators on usable nodes of the pool, by what they do.");
  Family ready = out.gauge("spillway_pool_nodes_ready", "Usable nodes of the pool.");
  Family max = out.gauge("spillway_pool_nodes_max", "Nodes that the pool may have.");
  Family availability =
      out.gauge("spillway_pool_availability",
                "1 for the state in which the pool's capacity is, 0 for the others.");
  Family life = out.gauge("spillway_pool_expected_life_seconds",
                          "Expected time until a node is lost: of a fresh one, and of those that "
                          "run; absent when none is expected to be lost.");
  for (std::size_t i = 0; i < picture.snapshot.pools.size(); ++i) {
    const plan::Pool& pool = picture.snapshot.pools[i];
    const std::string& name = pool.name.str();
    add_states(availability, pool.name, "availability", pool.offering.availability,
               kAvailabilities);
    max.add(static_cast<double>(pool.max_nodes), {{"pool", name}});
    if (i < picture.ready_nodes.size()) {
      ready.add(static_cast<double>(picture.ready_nodes[i]), {{"pool", name}});
    }
    const market::LifeEstimate& estimate = pool.offering.life;
    if (estimate.fresh) life.add(seconds(*estimate.fresh), {{"pool", name}, {"of", "fresh"}});
    if (estimate.residual) {
      life.add(seconds(*estimate.residual), {{"pool", name}, {"of", "running"}});
    }
    if (i >= plan.pools.size()) continue;
    const plan::PoolUse& use = plan.pools[i];
    const auto add = [&](AcceleratorCount count, const char* state) {
      accelerators.add(static_cast<double>(count.value()), {{"pool", name}, {"state", state}});
    };
    add(use.capacity, "capacity");
    add(use.used, "used");
    add(use.free, "free");
  }
}

void add_price_ages(Families& out, const market::MarketMetrics& market) {
  Family age = out.gauge("spillway_pool_price_age_seconds",
                         "Time since the pool's price was last heard; absent when never, or when "
                         "it is fixed.");
  for (const market::PoolPriceMetrics& pool : market.pools) {
    if (pool.age)
      age.add(seconds(*pool.age), {{"pool", pool.pool.str()}, {"feed", pool.feed.str()}});
  }
}

void add_phases(Families& out, const World& world) {
  std::map<api::TrainingJobPhase, std::size_t> count;
  world.training_jobs.for_each([&](const auto& job) { ++count[job->status.phase]; });
  Family jobs = out.gauge("spillway_training_jobs", "TrainingJobs by phase.");
  for (const api::TrainingJobPhase phase : kPhases) {
    jobs.add(static_cast<double>(count[phase]), {{"phase", std::string(api::to_string(phase))}});
  }
}

// The rate of `replicas` on a pool; nothing while its price is unknown.
std::optional<HourlyRate> rate_on(const plan::Pool& pool, std::int64_t replicas,
                                  AcceleratorCount per_replica) {
  if (pool.offering.price.quality == api::PriceQuality::kUnknown) return std::nullopt;
  return workload_rate(pool.offering.price.likely, replicas, per_replica,
                       pool.accelerators_per_node);
}

void add_rate(Family& family, std::string_view kind, const ObjectMeta& meta,
              const api::Attribution& attribution, const plan::Pool& pool,
              std::optional<HourlyRate> rate) {
  if (!rate) return;
  family.add(rate->approximate_dollars(), {{"kind", std::string(kind)},
                                           {"namespace", meta.key.ns.str()},
                                           {"name", meta.key.name.str()},
                                           {"pool", pool.name.str()},
                                           {"tier", tier_name(pool)},
                                           {"team", attribution.team},
                                           {"project", attribution.project},
                                           {"environment", attribution.environment}});
}

void add_workloads(Families& out, const Picture& picture) {
  Family rates = out.gauge("spillway_workload_rate_dollars_per_hour",
                           "What a workload costs at the pool's present price, for the replicas "
                           "that hold nodes; absent while the price is unknown.");
  const auto& pools = picture.snapshot.pools;
  for (std::size_t i = 0; i < picture.training.size(); ++i) {
    const plan::TrainingWorkload& planned = picture.snapshot.training[i];
    const api::TrainingJob& job = *picture.training[i];
    if (!planned.placement) continue;
    const plan::Pool& pool = pools[planned.placement->pool];
    // A gang is charged as a whole from the first node that it holds (status.cost does the same).
    const bool holds_nodes =
        picture.training_children[i].bound > 0 || planned.state == plan::AttemptState::kRunning;
    const std::int64_t replicas = holds_nodes ? job.spec.replicas : 0;
    add_rate(rates, "TrainingJob", job.meta, job.spec.attribution, pool,
             rate_on(pool, replicas, job.spec.accelerator.per_replica));
  }
  std::map<PoolName, const plan::Pool*> by_name;
  for (const plan::Pool& pool : pools)
    by_name.emplace(pool.name, &pool);
  for (std::size_t i = 0; i < picture.inference.size(); ++i) {
    const api::InferencePool& inference = *picture.inference[i];
    for (const auto& [name, share] : picture.inference_children[i].shares) {
      const auto pool = by_name.find(name);
      if (pool == by_name.end()) continue;
      add_rate(rates, "InferencePool", inference.meta, inference.spec.attribution, *pool->second,
               rate_on(*pool->second, share.bound, inference.spec.accelerator.per_replica));
    }
  }
}

void add_inference(Families& out, const Picture& picture, const plan::Plan& plan) {
  Family desired = out.gauge("spillway_inference_replicas_desired",
                             "Replicas that an InferencePool should have on a pool.");
  Family ready = out.gauge("spillway_inference_replicas_ready", "Replicas of it that serve there.");
  Family unplaced = out.gauge("spillway_inference_replicas_unplaced",
                              "Replicas asked for that no pool can take now.");
  for (std::size_t i = 0; i < picture.inference.size() && i < plan.inference.size(); ++i) {
    const ObjectKey& key = picture.inference[i]->meta.key;
    const plan::InferenceDecision& decision = plan.inference[i];
    unplaced.add(static_cast<double>(decision.unplaced),
                 {{"namespace", key.ns.str()}, {"name", key.name.str()}});
    std::map<std::size_t, std::pair<std::int64_t, std::int64_t>> by_pool;
    for (const auto& share : decision.shares)
      by_pool[share.pool].first = share.replicas;
    for (const auto& allocation : picture.snapshot.inference[i].allocations) {
      by_pool[allocation.pool].second = allocation.ready;
    }
    for (const auto& [pool, replicas] : by_pool) {
      const plan::Pool& at = picture.snapshot.pools[pool];
      const auto add = [&](Family& family, std::int64_t count) {
        family.add(static_cast<double>(count), {{"namespace", key.ns.str()},
                                                {"name", key.name.str()},
                                                {"pool", at.name.str()},
                                                {"tier", tier_name(at)}});
      };
      add(desired, replicas.first);
      add(ready, replicas.second);
    }
  }
}

void add_interruptions(Families& out, const Picture& picture, const World& world) {
  Family notices = out.gauge("spillway_node_notices", "Nodes that will go, by the kind of notice.");
  std::map<plan::NoticeKind, std::size_t> count;
  for (const plan::Notice& notice : picture.snapshot.notices)
    ++count[notice.kind];
  constexpr std::array kKinds{std::pair(plan::NoticeKind::kInterruption, "interruption"),
                              std::pair(plan::NoticeKind::kMaintenance, "maintenance"),
                              std::pair(plan::NoticeKind::kDrain, "drain"),
                              std::pair(plan::NoticeKind::kRebalance, "rebalance")};
  for (const auto& [kind, name] : kKinds)
    notices.add(static_cast<double>(count[kind]), {{"kind", name}});
  Family lost = out.gauge("spillway_training_job_lost_seconds",
                          "Compute time that interruptions of the TrainingJob have cost.");
  Family cost = out.gauge("spillway_training_job_lost_dollars",
                          "What the lost work of the TrainingJob had cost, in US dollars.");
  Family step = out.gauge("spillway_training_job_verified_step",
                          "Step of the newest checkpoint that was verified.");
  Family committed =
      out.gauge("spillway_training_job_checkpoint_timestamp_seconds",
                "When the newest verified checkpoint was committed, by the store's clock.");
  world.training_jobs.for_each([&](const Shared<api::TrainingJob>& job) {
    const std::string ns = job->meta.key.ns.str();
    const std::string name = job->meta.key.name.str();
    if (const auto& interruptions = job->status.interruptions) {
      lost.add(static_cast<double>(interruptions->lost.count()),
               {{"namespace", ns}, {"name", name}});
      if (interruptions->cost)
        cost.add(static_cast<double>(interruptions->cost->micros()) / 1e6,
                 {{"namespace", ns}, {"name", name}});
    }
    const auto& checkpoint = job->status.checkpoint;
    if (!checkpoint || !checkpoint->step) return;
    step.add(static_cast<double>(checkpoint->step->value()), {{"namespace", ns}, {"name", name}});
    if (checkpoint->committed_at)
      committed.add(timestamp(*checkpoint->committed_at), {{"namespace", ns}, {"name", name}});
  });
}

// ---- of every process

void add_checkpoints(Families& out, const MetricsView& view) {
  if (view.checkpoints == nullptr || view.save_requests == nullptr) return;
  const CheckpointBookMetrics& looks = view.checkpoints->metrics();
  out.counter("spillway_checkpoint_looks_total", "Listings of jobs' checkpoints in their stores.")
      .add(static_cast<double>(looks.looks));
  out.counter("spillway_checkpoint_look_failures_total",
              "Listings that failed; what was known before stands.")
      .add(static_cast<double>(looks.failures));
  out.counter("spillway_checkpoints_pruned_total", "Old checkpoints that were removed.")
      .add(static_cast<double>(looks.pruned));
  const SaveRequestsMetrics& saves = view.save_requests->metrics();
  out.counter("spillway_save_requests_total", "Requests to save that were sent to pods.")
      .add(static_cast<double>(saves.sent));
  out.counter("spillway_save_request_failures_total",
              "Requests to save that a pod did not take; each is repeated.")
      .add(static_cast<double>(saves.failed));
  out.histogram("spillway_save_request_delivery_seconds",
                "From the decision to save to its acceptance by a pod.")
      .add(saves.delivery);
}

void add_loop(Families& out, const MetricsView& view) {
  out.counter("spillway_passes_total", "Passes of the loop: picture, plan, reconciliation.")
      .add(static_cast<double>(view.pass.passes));
  out.histogram("spillway_pass_seconds", "How long passes took, by stage.")
      .add(view.pass.build, {{"stage", "build"}})
      .add(view.pass.plan, {{"stage", "plan"}})
      .add(view.pass.reconcile, {{"stage", "reconcile"}});
  out.gauge("spillway_last_pass_workloads", "Unfinished workloads in the last pass.")
      .add(static_cast<double>(view.pass.workloads));
  Family last = out.gauge("spillway_last_pass_timestamp_seconds",
                          "When the last pass was; absent before the first.");
  if (view.pass.at) last.add(timestamp(*view.pass.at));
  out.counter("spillway_chains_total",
              "Chains of writes that were begun, one for an object at a time.")
      .add(static_cast<double>(view.executor.chains));
  Family failures = out.counter("spillway_chain_failures_total",
                                "Chains that ended at an error, by its code; each is tried again.");
  for (const auto& [code, count] : view.executor.failures_by_code) {
    failures.add(static_cast<double>(count), {{"code", code}});
  }
  out.gauge("spillway_chains_in_flight", "Chains under way or waiting.")
      .add(static_cast<double>(view.chains_in_flight));
}

void add_caches(Families& out, const World& world) {
  Family objects = out.gauge("spillway_cache_objects", "Objects in the watch caches, by kind.");
  Family synced =
      out.gauge("spillway_cache_synced", "1 once the first complete list of the kind was seen.");
  const auto add = [&](const char* kind, const auto& store) {
    objects.add(static_cast<double>(store.size()), {{"kind", kind}});
    synced.add(store.synced() ? 1 : 0, {{"kind", kind}});
  };
  add("CapacityPool", world.capacity_pools);
  add("TrainingJob", world.training_jobs);
  add("InferencePool", world.inference_pools);
  add("CostPolicy", world.cost_policies);
  add("Namespace", world.namespaces);
  add("Node", world.nodes);
  add("Pod", world.pods);
  add("Job", world.jobs);
  add("Deployment", world.deployments);
  add("Service", world.services);
  add("PodDisruptionBudget", world.budgets);
}

void add_feeds(Families& out, const market::MarketMetrics& market) {
  Family polls = out.counter("spillway_feed_polls_total", "Polls of a price feed.");
  Family errors =
      out.counter("spillway_feed_errors_total", "Polls that failed, by the error's code.");
  Family refused = out.counter("spillway_feed_refused_prices_total",
                               "Prices that a feed gave and that were not taken, by reason.");
  Family success = out.gauge("spillway_feed_last_success_timestamp_seconds",
                             "When a feed last answered; absent before the first time.");
  for (const market::FeedMetrics& feed : market.feeds) {
    const std::string& name = feed.name.str();
    polls.add(static_cast<double>(feed.polls), {{"feed", name}});
    for (const auto& [code, count] : feed.errors) {
      errors.add(static_cast<double>(count),
                 {{"feed", name}, {"code", std::string(to_string(code))}});
    }
    for (std::size_t i = 0; i < market::kRefusalKinds; ++i) {
      const auto refusal = static_cast<market::Refusal>(i);
      refused.add(static_cast<double>(feed.refused.of(refusal)),
                  {{"feed", name}, {"reason", std::string(market::to_string(refusal))}});
    }
    if (feed.last_success) success.add(timestamp(*feed.last_success), {{"feed", name}});
  }
}

void add_requests(Families& out, const kube::ClientMetrics& client) {
  Family count =
      out.counter("spillway_api_requests_total",
                  "Requests to the API server, by the code of the answer, or the error.");
  Family time = out.counter("spillway_api_request_seconds_total",
                            "Time that these requests took, waiting for our own limit left out.");
  for (const auto& [labels, requests] : client.requests) {
    const auto add = [&, &key = labels](Family& family, double value) {
      family.add(value, {{"verb", key.verb}, {"resource", key.resource}, {"code", key.code}});
    };
    add(count, static_cast<double>(requests.count));
    add(time, seconds(requests.duration));
  }
  out.counter("spillway_api_throttled_seconds_total",
              "Time spent waiting for our own limit or a server's Retry-After.")
      .add(seconds(client.throttled_time));
  out.counter("spillway_api_server_throttles_total", "Answers 429 of the API server.")
      .add(static_cast<double>(client.server_throttles));
  out.counter("spillway_api_fenced_writes_total",
              "Writes refused by this process itself because its lease had run out.")
      .add(static_cast<double>(client.fenced_writes));
}

void add_watches(Families& out, const kube::ClientMetrics& client) {
  Family reconnects =
      out.counter("spillway_api_watch_reconnects_total", "Watches that ended, by reason.");
  for (const auto& [labels, count] : client.watch_reconnects) {
    reconnects.add(static_cast<double>(count),
                   {{"resource", labels.resource}, {"reason", labels.reason}});
  }
  const auto add = [&](const char* name, const char* help, const auto& by_resource) {
    Family family = out.counter(name, help);
    for (const auto& [resource, count] : by_resource) {
      family.add(static_cast<double>(count), {{"resource", resource}});
    }
  };
  add("spillway_api_relists_total", "Complete lists that were read.", client.relists);
  add("spillway_api_watch_events_total", "Events of watches, bookmarks included.",
      client.watch_events);
  add("spillway_api_undecodable_objects_total",
      "Objects that could not be understood and were skipped.", client.undecodable_objects);
}

void add_events(Families& out, const MetricsView& view) {
  const kube::ClientMetrics& client = *view.client;
  out.counter("spillway_events_recorded_total", "Events for people that were recorded.")
      .add(static_cast<double>(client.events_recorded));
  out.counter("spillway_events_aggregated_total", "Events that became part of a similar one.")
      .add(static_cast<double>(client.events_aggregated));
  out.counter("spillway_events_dropped_total", "Events that were not written, by reason.")
      .add(static_cast<double>(client.events_dropped_full), {{"reason", "full"}})
      .add(static_cast<double>(client.events_dropped_spam), {{"reason", "spam"}})
      .add(static_cast<double>(client.events_dropped_failed), {{"reason", "failed"}});
  out.gauge("spillway_events_queued", "Events that wait to be written.")
      .add(static_cast<double>(view.events_queued));
}

void add_off_switch(Families& out, const OffSwitch& off_switch) {
  Family objects =
      out.gauge("spillway_plain_workloads", "Plain workloads that a policy is about, by state.");
  for (const auto& [policy, report] : off_switch.reports()) {
    for (const auto& [state, count] : report.counts) {
      objects.add(static_cast<double>(count),
                  {{"policy", policy}, {"state", std::string(to_string(state))}});
    }
  }
  const OffSwitchMetrics& done = off_switch.metrics();
  out.counter("spillway_off_switch_writes_total", "Writes to plain workloads, by what they did.")
      .add(static_cast<double>(done.put_to_sleep), {{"result", "asleep"}})
      .add(static_cast<double>(done.woken), {{"result", "woken"}})
      .add(static_cast<double>(done.contradicted), {{"result", "asleep_again"}})
      .add(static_cast<double>(done.conflicts), {{"result", "conflict"}})
      .add(static_cast<double>(done.failures), {{"result", "failed"}});
}

void add_process(Families& out, const MetricsView& view) {
  out.gauge("spillway_build_info", "The version that runs; always 1.")
      .add(1, {{"version", SPILLWAY_VERSION}});
  out.gauge("spillway_leader", "1 while this process leads and may write.")
      .add(view.leading ? 1 : 0);
  out.gauge("spillway_observe", "1 when this process only observes.").add(view.observe ? 1 : 0);
  out.counter("spillway_config_loads_total", "Configurations read, by whether they were taken up.")
      .add(static_cast<double>(view.config.accepted), {{"result", "accepted"}})
      .add(static_cast<double>(view.config.refused), {{"result", "refused"}});
  out.gauge("spillway_config_current", "0 while the configuration file is not what is in force.")
      .add(view.config.current ? 1 : 0);
  Family loaded = out.gauge("spillway_config_accepted_timestamp_seconds",
                            "When the configuration in force was taken up.");
  if (view.config.accepted_at) loaded.add(timestamp(*view.config.accepted_at));
}

}  // namespace

MetricsView view_of(const Controller& controller, const kube::ClientMetrics& client) {
  return {.world = &controller.world(),
          .picture = &controller.last_picture(),
          .plan = &controller.last_plan(),
          .client = &client,
          .pass = controller.facts(),
          .executor = controller.executor().metrics(),
          .chains_in_flight = controller.executor().in_flight(),
          .checkpoints = controller.checkpoints(),
          .save_requests = controller.save_requests()};
}

std::vector<prometheus::MetricFamily> metric_families(const MetricsView& view,
                                                      std::size_t max_series) {
  Families out(max_series);
  if (view.leading) {
    add_pool_info(out, *view.picture);
    add_pool_prices(out, *view.picture);
    add_pool_capacity(out, *view.picture, *view.plan);
    add_price_ages(out, view.market);
    add_phases(out, *view.world);
    add_workloads(out, *view.picture);
    add_inference(out, *view.picture, *view.plan);
  }
  add_loop(out, view);
  if (view.leading) add_interruptions(out, *view.picture, *view.world);
  add_checkpoints(out, view);
  if (view.leading && view.off_switch != nullptr) add_off_switch(out, *view.off_switch);
  add_caches(out, *view.world);
  add_feeds(out, view.market);
  add_requests(out, *view.client);
  add_watches(out, *view.client);
  add_events(out, view);
  add_process(out, view);
  out.gauge("spillway_metrics_truncated",
            "Series left out of this answer because their family had too many.")
      .add(static_cast<double>(out.left_out()));
  return out.take();
}

std::vector<prometheus::MetricFamily> MetricsCollector::Collect() const {
  return metric_families(look_());
}

std::string MetricsCollector::text() const {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, Collect());
  return out.str();
}

}  // namespace spillway::control
