#include <spillway/sim/simulation.h>

#include <algorithm>
#include <set>

#include <spillway/control/world.h>
#include <spillway/core/check.h>
#include <spillway/sim/kinds.h>
#include <spillway/sim/object_store_server.h>
#include <spillway/sim/saving_programs.h>
#include <spillway/sim/trainer.h>
#include <spillway/sim/world.h>

#include "bookkeeper.h"
#include "market_replay.h"
#include "simulation_input.h"
#include "simulation_notes.h"
#include "simulation_report.h"

namespace spillway::sim {
namespace {

using nlohmann::json;

constexpr const char* kOwnNamespace = "spillway-system";  // the operator's
constexpr std::int64_t kCostPoints = 500;
constexpr Duration kDefaultPoll = std::chrono::minutes(5);
constexpr Duration kDefaultFreshness = std::chrono::minutes(15);
// A month has no use for what guards against faults that nobody injects: watches that are renewed
// often, a pass in every quiet minute, a history for watches that fell far behind. And what is
// decided a second later costs the same.
constexpr Duration kCheckEvery = std::chrono::hours(6);  // the invariants
constexpr Duration kFoldWindow = std::chrono::seconds(1);
constexpr auto kWatchTimeout = std::chrono::hours(6);
constexpr Duration kLongestRest = std::chrono::minutes(10);
constexpr std::size_t kHistory = 2000;
// CPU and memory are not what is short: no catalogue says what an instance type has of them.
constexpr const char* kPlentyCpu = "100000";
constexpr const char* kPlentyMemory = "1Pi";

using Records = std::map<PoolName, PoolRecord>;

PoolName name_of(const api::CapacityPool& pool) {
  return PoolName(pool.meta.key.name.str());
}

// A node that the pool's selector finds and that its tolerations are needed for.
NodeShape shape_of_nodes(const api::CapacityPoolSpec& spec) {
  NodeShape shape{.labels = {{"topology.kubernetes.io/zone", spec.location.zone.str()},
                             {"topology.kubernetes.io/region", spec.location.region.str()},
                             {"node.kubernetes.io/instance-type", spec.instance_type.str()}},
                  .taints = {},
                  .allocatable = {{"cpu", kPlentyCpu},
                                  {"memory", kPlentyMemory},
                                  {"pods", "1000"},
                                  {spec.accelerator.resource.str(),
                                   std::to_string(spec.accelerator.per_node.value())}}};
  for (const auto& [key, value] : spec.nodes.selector)
    shape.labels[key] = value;
  for (const api::Toleration& toleration : spec.nodes.tolerations) {
    if (toleration.key.empty()) continue;
    shape.taints.push_back({.key = toleration.key,
                            .value = toleration.value,
                            .effect = toleration.effect.value_or(api::TaintEffect::kNoSchedule)});
  }
  return shape;
}

// The feeds that pools name, as configured where they are.
std::vector<SimulatedFeed> feeds_of(const Scene& scene, const market::MarketConfig& market) {
  std::map<FeedName, SimulatedFeed> feeds;
  for (const ScenePool& pool : scene.pools) {
    const auto& name = pool.pool.spec.price.feed;
    if (!name) continue;
    SimulatedFeed feed{
        .name = *name, .poll_interval = kDefaultPoll, .freshness = kDefaultFreshness};
    for (const market::FeedConfig& configured : market.feeds) {
      if (configured.name != *name) continue;
      feed.poll_interval = configured.poll_interval;
      feed.freshness = market::freshness_of(configured);
    }
    feeds.emplace(*name, feed);
  }
  std::vector<SimulatedFeed> all;
  for (auto& [name, feed] : feeds)
    all.push_back(std::move(feed));
  return all;
}

WorldOptions options_of(const SimulationInput& input, const Scene& scene, TimeRange range) {
  WorldOptions options{.seed = input.seed, .start = range.from};
  options.operator_options.controller.plan = input.config.placement;
  options.operator_options.feeds = feeds_of(scene, input.config.market);
  options.operator_options.controller.longest_rest = kLongestRest;
  options.operator_options.controller.fold.shortest = kFoldWindow;
  options.operator_options.controller.reflector.watch_timeout = kWatchTimeout;
  options.check_every = kCheckEvery;
  return options;
}

json object_at(const SceneObject& object, Instant from) {
  json applied = object.object;
  // The programs that are modelled save in Spillway's own format.
  if (object.job && object.job->spec.checkpoint)
    applied["spec"]["checkpoint"]["format"] = "Manifest";
  if (object.deadline_after) {
    applied["spec"]["deadline"] = format_instant(object.submit.from(from) + *object.deadline_after);
  }
  return applied;
}

// The object stores that jobs name, and the programs that save there: one server, a bucket each
// would change nothing, so they share one.
class Stage {
 public:
  Stage(World& world, const Scene& scene)
      : stores_(world.time()),
        programs_(world.time(), world.server(), world.kubelets(), stores_, {.bucket = kBucket}) {
    stores_.make_bucket(kBucket);
    SimulatedCheckpoints checkpoints{.stores = {},
                                     .to_stores = [this] { return stores_.connect(); },
                                     .to_pods = [this] { return programs_.connect(); },
                                     .environment = environment};
    std::set<api::StoreName> names;
    for (const SceneObject& object : scene.objects) {
      if (object.job && object.job->spec.checkpoint)
        names.insert(object.job->spec.checkpoint->store);
    }
    for (const api::StoreName& name : names)
      checkpoints.stores.push_back(config_of(name));
    if (!names.empty()) world.operator_options().checkpoints = std::move(checkpoints);
  }
  [[nodiscard]] const std::vector<std::string>& violations() const {
    return programs_.violations();
  }

 private:
  static constexpr const char* kBucket = "checkpoints";
  static control::StoreConfig config_of(const api::StoreName& name) {
    return {.name = name,
            .s3 = {.bucket = storage::BucketName(kBucket),
                   .endpoint = ObjectStoreServer::endpoint(),
                   .addressing = storage::Addressing::kPath},
            .prefix = name.str(),
            .credentials = control::CredentialSource::kEnvironment};
  }
  // The keys of ObjectStoreServerOptions.
  static const char* environment(const char* name) {
    if (std::string_view(name) == "AWS_ACCESS_KEY_ID") return "SIMULATED";
    return std::string_view(name) == "AWS_SECRET_ACCESS_KEY" ? "simulated" : nullptr;
  }

  ObjectStoreServer stores_;
  SavingPrograms programs_;
};

// One simulated cluster from its making to its report.
class Run {
 public:
  Run(const SimulationInput& input, const Scene& scene, const Records& records, TimeRange range)
      : scene_(scene),
        records_(records),
        range_(range),
        world_(options_of(input, scene, range)),
        stage_(keep(std::make_shared<Stage>(world_, scene))),
        books_(keep(std::make_shared<Bookkeeper>(world_.server()))),
        trainer_(keep(std::make_shared<Trainer>(world_.time(), world_.server(), world_.kubelets(),
                                                input.config.placement.assumed_duration))),
        replay_(keep(std::make_shared<MarketReplay>(world_, books_, range,
                                                    input.seed ^ 0x6d61726b6574ULL))) {
    if (input.fingerprint) world_.fingerprint_history();
  }

  Result<SimulationReport> play() {
    world_.server().limit_history(kHistory);
    for (const auto& [name, ns] : scene_.namespaces)
      world_.submit(ns);
    if (!scene_.namespaces.contains(kOwnNamespace))
      world_.submit(
          {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", kOwnNamespace}}}});
    for (const ScenePool& pool : scene_.pools)
      TRY_VOID(add_pool(pool));
    for (const SceneObject& object : scene_.objects)
      plan(object);
    plan_cost_points();
    world_.start_operator();
    world_.run_for(range_.to - range_.from);
    if (!refusal_.empty()) return invalid(refusal_);
    const std::uint64_t passes = world_.running_operator()->controller().facts().passes;
    trainer_.settle();
    books_.mark_cost();
    books_.close();
    SimulationReport report = make_report({.scene = scene_,
                                           .records = records_,
                                           .range = range_,
                                           .books = books_,
                                           .trainer = trainer_,
                                           .replay = replay_});
    report.violations = world_.violations();
    report.violations.insert(report.violations.end(), stage_.violations().begin(),
                             stage_.violations().end());
    if (on_demand_was_never_short()) {
      for (const WorkloadRow& row : report.workloads) {
        const std::string who = "InferencePool " + row.ns.str() + "/" + row.name.str();
        for (std::string& sentence : broken_promises(who, row.shortfall))
          report.violations.push_back(std::move(sentence));
      }
    }
    for (const std::string& request : world_.server().unknown_requests())
      report.violations.push_back("the model of the API server does not know " + request);
    report.writes = world_.writes().size();
    report.passes = passes;
    report.fingerprint = world_.fingerprint();
    return report;
  }

 private:
  // They hear of every change, so they stay as long as the world may change.
  template <class Part>
  Part& keep(std::shared_ptr<Part> part) {
    world_.keep(part);
    return *part;
  }

  Result<void> add_pool(const ScenePool& scene_pool) {
    const api::CapacityPool& pool = scene_pool.pool;
    const PoolRecord& record = records_.at(name_of(pool));
    price(pool, record);
    const HourlyRate rate = price_at_start(record);
    books_.add_pool(pool, rate, record.on_demand, scene_pool.provisioning);
    const bool owned = pool.spec.tier == api::Tier::kReserved;
    NodeShape shape = shape_of_nodes(pool.spec);
    if (owned) {
      shape.labels[kGroupLabel] = pool.meta.key.name.str();
      for (int i = 1; i <= pool.spec.nodes.max; ++i)
        TRY_VOID(add_node(pool.meta.key.name.str() + "-" + std::to_string(i), shape));
    } else {
      world_.autoscaler().add_group({.name = pool.meta.key.name.str(),
                                     .shape = std::move(shape),
                                     .max = pool.spec.nodes.max,
                                     .provisioning = scene_pool.provisioning,
                                     .idle_removal = scene_pool.idle_removal});
    }
    replay_.add(pool, record, scene_pool.notice);
    world_.submit(scene_pool.object);
    return {};
  }

  Result<void> add_node(const std::string& name, const NodeShape& shape) {
    const auto made = world_.server().create(
        kube::kNodes, make_node(name, shape, format_instant(world_.time().now())), {});
    if (!made) return fail(ErrorCode::kInternal, made.error().message);
    return {};
  }

  void price(const api::CapacityPool& pool, const PoolRecord& record) {
    if (!pool.spec.price.feed) return;
    const market::PriceKey key{.instance_type = pool.spec.instance_type,
                               .zone = pool.spec.location.zone};
    PriceBook& prices = world_.prices();
    if (record.on_demand) prices.set_on_demand(key, *record.on_demand);
    if (pool.spec.tier != api::Tier::kSpot) return;
    if (record.constant) prices.set_spot(key, *record.constant, range_.from);
    for (const PriceChange& change : record.spot)
      prices.set_spot(key, change.per_node, change.at);
  }

  [[nodiscard]] HourlyRate price_at_start(const PoolRecord& record) const {
    if (record.constant) return *record.constant;
    HourlyRate rate = record.spot.front().per_node;
    for (const PriceChange& change : record.spot) {
      if (change.at > range_.from) break;
      rate = change.per_node;
    }
    return rate;
  }

  void at(Instant when, std::function<void()> action) {
    VirtualTime& time = world_.time();
    time.after(std::max(when - time.now(), Duration(0)), std::move(action));
  }

  void plan(const SceneObject& object) {
    const Instant when = object.submit.from(range_.from);
    if (when >= range_.to) return;
    at(when, [this, &object] {
      const Answer<Object> made = world_.try_submit(object_at(object, range_.from));
      if (!made && refusal_.empty()) refusal_ = object.who + ": " + made.error().message;
    });
    if (!object.delete_after || when + *object.delete_after >= range_.to) return;
    at(when + *object.delete_after, [this, &object] { remove(object); });
  }

  void remove(const SceneObject& object) {
    const json& metadata = object.object.at("metadata");
    const ObjectKey key{.ns = Namespace(metadata.value("namespace", "default")),
                        .name = ObjectName(metadata.at("name").get<std::string>())};
    const auto& type = object.job ? control::kTrainingJobs : control::kInferencePools;
    // One that is gone by itself (ttlSecondsAfterFinished) needs no deletion.
    if (!world_.server().find(type, key)) return;
    const auto removed = world_.server().remove(type, key, {});
    SPILLWAY_CHECK(removed.has_value());
  }

  // Every such pool could always have had one node more, and there is one.
  [[nodiscard]] bool on_demand_was_never_short() const {
    bool any = false;
    for (const auto& [name, books] : books_.pools()) {
      if (books.pool.spec.tier != api::Tier::kOnDemand) continue;
      any = true;
      if (records_.at(name).trace != nullptr) return false;
      for (const CountPoint& point : books.nodes)
        if (point.count >= books.pool.spec.nodes.max) return false;
    }
    return any;
  }

  void plan_cost_points() {
    for (std::int64_t i = 0; i < kCostPoints; ++i) {
      const Duration after = (range_.to - range_.from) * i / kCostPoints;
      at(range_.from + after, [this] { books_.mark_cost(); });
    }
  }

  const Scene& scene_;
  const Records& records_;
  TimeRange range_;
  World world_;
  Stage& stage_;
  Bookkeeper& books_;
  Trainer& trainer_;
  MarketReplay& replay_;
  std::string refusal_;
};

// The first field of `given` that the API server did not keep because no schema knows it; "" when
// all are there.
std::string dropped(const json& given, const json& kept, const std::string& path) {
  if (given.is_object() && kept.is_object()) {
    for (const auto& [key, value] : given.items()) {
      const auto found = kept.find(key);
      const std::string field = path.empty() ? key : path + "." + key;
      if (found == kept.end()) {
        if (value.is_null() || value.empty()) continue;  // as good as not there
        return field;
      }
      if (std::string deeper = dropped(value, *found, field); !deeper.empty()) return deeper;
    }
  }
  if (!given.is_array() || !kept.is_array() || given.size() != kept.size()) return {};
  for (std::size_t i = 0; i < given.size(); ++i) {
    std::string deeper = dropped(given[i], kept[i], path + "[" + std::to_string(i) + "]");
    if (!deeper.empty()) return deeper;
  }
  return {};
}

// What the API server would say to every object, before any time passes.
Result<void> try_out(const Scene& scene, TimeRange range) {
  asio::io_context io;
  VirtualTime time(io, range.from);
  const auto random = make_random(1);
  ApiServer server(time, *random);
  const auto apply = [&](const std::string& who, json object) -> Result<void> {
    const std::string kind = object.at("kind");
    const auto served =
        std::ranges::find_if(all_kinds(), [&](const Kind& one) { return one.type.kind == kind; });
    if (served == all_kinds().end()) return invalid(who + ": the kind is not served");
    if (served->type.namespaced && !object["metadata"].contains("namespace"))
      object["metadata"]["namespace"] = "default";
    const auto made = server.create(served->type, object, {.manager = "user"});
    if (!made) return invalid(who + ": " + made.error().message);
    const std::string unknown = dropped(object, **made, "");
    if (unknown.empty()) return {};
    return invalid(who + ": unknown field " + unknown + ": correct its spelling, or leave it out");
  };
  for (const auto& [name, ns] : scene.namespaces)
    TRY_VOID(apply("Namespace " + name, ns));
  for (const ScenePool& pool : scene.pools)
    TRY_VOID(apply("CapacityPool " + pool.pool.meta.key.name.str(), pool.object));
  for (const SceneObject& object : scene.objects)
    TRY_VOID(apply(object.who, object_at(object, range.from)));
  return {};
}

}  // namespace

Result<SimulationReport> simulate(const SimulationInput& input, const Clock& stopwatch) {
  const MonotonicTime started = stopwatch.monotonic();
  TRY(scene, read_scene(input.manifests));
  TRY(market, RecordedMarket::read(input.market_directory));
  Records records;
  for (const ScenePool& pool : scene.pools) {
    TRY(record, market.record_of(pool.pool));
    records.emplace(name_of(pool.pool), std::move(record));
  }
  TRY(range, choose_range(records, input.from, input.to));
  TRY_VOID(try_out(scene, range));
  Run run(input, scene, records, range);
  TRY(report, run.play());
  report.seed = input.seed;
  report.notes = notes_of(scene, market, records, range);
  report.speed.simulated = range.to - range.from;
  report.speed.took = stopwatch.monotonic() - started;
  return report;
}

}  // namespace spillway::sim
