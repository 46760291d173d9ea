#include <spillway/control/picture.h>

#include <algorithm>
#include <set>
#include <tuple>

#include <spillway/api/codec.h>
#include <spillway/control/keys.h>
#include <spillway/core/text.h>
#include <spillway/plan/plan.h>

#include "attempts.h"
#include "checkpoint_facts.h"
#include "inference_picture.h"
#include "key_index.h"
#include "node_traits.h"

namespace spillway::control {
namespace {

constexpr std::size_t kNone = static_cast<std::size_t>(-1);

}  // namespace

// One build: fills a Picture from a World in numbered steps.
class PictureBuilder::Pass {
 public:
  Pass(PictureBuilder& builder, const World& world, const Assumptions& assumptions,
       const PriceOf& price_of, Instant now, const Observed& observed)
      : builder_(builder),
        world_(world),
        assumptions_(assumptions),
        price_of_(price_of),
        now_(now),
        observed_(observed) {}

  Picture run() {
    add_pools();      // 1. what can be bought
    add_workloads();  // 2. who asks, and when it may run
    picture_.snapshot.hours = builder_.hours_.rules(world_);
    add_jobs();   // 3. which children there are
    add_nodes();  // 4. where room is
    add_life_estimates();
    add_pods();         // 5. who sits where
    settle_training();  // 6. what the children show
    settle_inference();
    return std::move(picture_);
  }

 private:
  void add_pools() {
    std::string fingerprint;
    world_.capacity_pools.for_each([&](const Shared<api::CapacityPool>& pool) {
      if (pool->meta.deleted_at) return;
      pool_index_.emplace(PoolName(pool->meta.key.name.str()), picture_.pools.size());
      fingerprint += pool->meta.uid.str() + ":" + std::to_string(pool->meta.generation) + ",";
      picture_.pools.push_back(pool);
      picture_.snapshot.pools.push_back(plan_pool(*pool));
    });
    if (fingerprint != builder_.pools_fingerprint_) builder_.membership_.clear();
    builder_.pools_fingerprint_ = std::move(fingerprint);
    picture_.ready_nodes.assign(picture_.pools.size(), 0);
    picture_.oldest_node_age.assign(picture_.pools.size(), std::nullopt);
  }

  plan::Pool plan_pool(const api::CapacityPool& pool) const {
    const PoolName name(pool.meta.key.name.str());
    auto [price, on_demand] = price_of_(name);
    const market::StockOutMemory memory = stock_out_memory(pool.status);
    return {.name = name,
            .tier = pool.spec.tier,
            .model = pool.spec.accelerator.model,
            .location = {.provider = pool.spec.location.provider.str(),
                         .region = pool.spec.location.region,
                         .zone = pool.spec.location.zone},
            .accelerators_per_node = pool.spec.accelerator.per_node,
            .max_nodes = pool.spec.nodes.max,
            .selector = pool.spec.nodes.selector,
            .tolerations = pool.spec.nodes.tolerations,
            .offering = {.price = std::move(price),
                         .on_demand = on_demand,
                         .availability = market::availability_at(memory, now_),
                         .retry_at = market::retry_at(memory, now_)}};
  }

  void add_workloads() {
    picture_.snapshot.shapes.emplace_back();
    world_.training_jobs.for_each_in(kAttended, [&](const Shared<api::TrainingJob>& stored) {
      const auto assumed = assumptions_.training_jobs.find(stored->meta.key);
      const Shared<api::TrainingJob>& job =
          assumed != assumptions_.training_jobs.end() ? assumed->second : stored;
      if (over(*job)) return picture_.finished.push_back(job);
      if (refuse(job, job->status.placement.has_value(), picture_.refused_training)) return;
      training_index_.add(job->meta.key, picture_.training.size());
      picture_.training.push_back(job);
    });
    picture_.training_children.resize(picture_.training.size());
    world_.inference_pools.for_each([&](const Shared<api::InferencePool>& stored) {
      const auto assumed = assumptions_.inference_pools.find(stored->meta.key);
      const Shared<api::InferencePool>& pool =
          assumed != assumptions_.inference_pools.end() ? assumed->second : stored;
      if (refuse(pool, !pool->status.tiers.empty(), picture_.refused_inference)) return;
      inference_index_.add(pool->meta.key, picture_.inference.size());
      picture_.inference.push_back(pool);
    });
    picture_.inference_children.resize(picture_.inference.size());
    world_.deployments.for_each(
        [&](const Shared<kube::Deployment>& deployment) { add_deployment(deployment); });
  }

  template <class Kind>
  static bool refuse(const Shared<Kind>& object, bool placed,
                     std::vector<Picture::Refused<Kind>>& refused) {
    if (placed || object->meta.deleted_at) return false;
    const auto valid = api::validate(*object);
    if (valid) return false;
    refused.push_back({.object = object, .sentence = valid.error().message});
    return true;
  }

  void add_deployment(const Shared<kube::Deployment>& deployment) {
    const auto name = deployment->meta.labels.find(label::kInferencePool);
    const auto pool = deployment->meta.labels.find(label::kPool);
    if (!name || !pool || deployment->meta.deleted_at) return;
    const auto at = inference_index_.find(deployment->meta.key.ns, *name);
    if (!at || !deployment->meta.controlled_by(picture_.inference[*at]->meta.uid)) return;
    picture_.inference_children[*at].shares[PoolName(*pool)].deployment = deployment;
  }

  void add_jobs() {
    for (std::size_t i = 0; i < picture_.training.size(); ++i) {
      const ObjectMeta& owner = picture_.training[i]->meta;
      TrainingChildren& children = picture_.training_children[i];
      world_.jobs.for_each_in(owner.key, [&](const Shared<kube::Job>& job) {
        if (!job->meta.controlled_by(owner.uid)) {
          children.foreign_job = true;
          return;
        }
        children.earlier.push_back(job);
      });
      recognise_current_attempt(i);
    }
  }

  void recognise_current_attempt(std::size_t i) {
    TrainingChildren& children = picture_.training_children[i];
    if (children.earlier.empty()) return;
    std::sort(children.earlier.begin(), children.earlier.end(), [](const auto& a, const auto& b) {
      return attempt_of(a->meta).value_or(AttemptNumber()) <
             attempt_of(b->meta).value_or(AttemptNumber());
    });
    rebuild_lost_status(i);
    const auto& placement = picture_.training[i]->status.placement;
    if (!placement) return;
    const auto current =
        std::find_if(children.earlier.begin(), children.earlier.end(),
                     [&](const auto& job) { return attempt_of(job->meta) == placement->attempt; });
    if (current == children.earlier.end()) return;
    // A Job that is being deleted (by hand) is on its way out: its attempt is over.
    if ((*current)->meta.deleted_at) {
      children.replica_lost = true;
      return;
    }
    children.current = *current;
    children.earlier.erase(current);
  }

  void rebuild_lost_status(std::size_t i) {
    const Shared<api::TrainingJob>& job = picture_.training[i];
    if (job->status.attempt.value() != 0 || job->status.placement) return;
    const kube::Job& latest = *picture_.training_children[i].earlier.back();
    auto rebuilt = std::make_shared<api::TrainingJob>(*job);
    rebuilt->status.attempt = attempt_of(latest.meta).value_or(AttemptNumber());
    rebuilt->status.placement = placement_told_by(latest, picture_.pools);
    picture_.training[i] = std::move(rebuilt);
  }

  void add_nodes() {
    collect_shapes();
    const std::set<std::string> keys = keys_asked_for(picture_.snapshot.shapes);
    std::map<std::pair<Labels, std::vector<std::tuple<std::string, std::string, std::string>>>,
             std::size_t>
        traits;
    world_.nodes.for_each([&](const Shared<kube::Node>& node) {
      const std::size_t pool = pool_index_of(node);
      if (pool == kNone) return;
      Labels labels;
      for (const auto& [key, value] : node->meta.labels) {
        if (keys.contains(key.str())) labels.emplace(key.str(), value.str());
      }
      std::vector<std::tuple<std::string, std::string, std::string>> taints;
      for (const kube::Taint& taint : node->taints)
        taints.emplace_back(taint.key.str(), taint.value.str(), taint.effect.str());
      const auto [at, fresh] = traits.try_emplace({std::move(labels), std::move(taints)},
                                                  picture_.snapshot.traits.size());
      if (fresh) picture_.snapshot.traits.push_back(plan_traits(at->first.first, *node));
      add_node(*node, pool, at->second);
    });
    std::erase_if(builder_.membership_,
                  [&](const auto& known) { return world_.nodes.find(known.first) == nullptr; });
  }

  void add_node(const kube::Node& node, std::size_t pool, std::size_t traits) {
    const bool usable = node.ready && !node.unschedulable && !node.meta.deleted_at;
    if (usable) ++picture_.ready_nodes[pool];
    const Duration age = std::max(now_ - node.meta.created_at, Duration(0));
    auto& oldest = picture_.oldest_node_age[pool];
    if (usable && (!oldest || age > *oldest)) oldest = age;
    const ResourceName& resource = picture_.pools[pool]->spec.accelerator.resource;
    node_index_.emplace(node.meta.key.name.str(), picture_.snapshot.nodes.size());
    picture_.node_created_at.push_back(node.meta.created_at);
    picture_.snapshot.nodes.push_back(
        {.name = NodeName(node.meta.key.name.str()),
         .pool = pool,
         .traits = traits,
         .free = {.accelerators = AcceleratorCount(node.allocatable.count(resource)),
                  .cpu = node.allocatable.cpu,
                  .memory = node.allocatable.memory},
         .usable = usable,
         .health = health_of(fate(node))});
    add_notice(node, picture_.snapshot.nodes.size() - 1);
  }

  NodeFate fate(const kube::Node& node) const {
    return observed_.notices != nullptr ? observed_.notices->fate(node) : fate_of(node);
  }

  static plan::NodeHealth health_of(NodeFate fate) {
    switch (fate) {
      case NodeFate::kThere: return plan::NodeHealth::kHealthy;
      case NodeFate::kSuspected: return plan::NodeHealth::kSuspected;
      case NodeFate::kGone: return plan::NodeHealth::kGone;
    }
    return plan::NodeHealth::kHealthy;
  }

  void add_notice(const kube::Node& node, std::size_t index) {
    if (observed_.notices == nullptr) return;
    const auto at = observed_.notices->notices().find(NodeName(node.meta.key.name.str()));
    if (at == observed_.notices->notices().end()) return;
    const NodeNotice& notice = at->second;
    picture_.snapshot.notices.push_back({.node = index,
                                         .kind = notice.kind,
                                         .deadline = notice.deadline,
                                         .first_seen = notice.first_seen,
                                         .source = notice.source});
  }

  // The first pool, by name, whose selector the node's labels satisfy. Remembered: 2,000 nodes x
  // 200 pools a pass is too much.
  std::size_t pool_index_of(const Shared<kube::Node>& node) {
    NodeMembership& known = builder_.membership_[node->meta.key];
    if (!known.node || !(known.node->meta.labels == node->meta.labels)) {
      known.pool.reset();
      for (std::size_t i = 0; i < picture_.pools.size() && !known.pool; ++i) {
        const auto& selector = picture_.pools[i]->spec.nodes.selector;
        if (!selector.empty() && node->meta.labels.matches(selector))
          known.pool = picture_.snapshot.pools[i].name;
      }
    }
    known.node = node;
    return known.pool ? pool_index_.at(*known.pool) : kNone;
  }

  std::size_t shape_index(const api::PodShape& shape) {
    const bool constrained =
        !shape.node_selector.empty() || !shape.tolerations.empty() || shape.node_affinity;
    if (!constrained) return 0;
    for (std::size_t i = 1; i < picture_.snapshot.shapes.size(); ++i) {
      const api::PodShape& known = picture_.snapshot.shapes[i];
      if (known.node_selector == shape.node_selector && known.tolerations == shape.tolerations &&
          known.node_affinity == shape.node_affinity) {
        return i;
      }
    }
    picture_.snapshot.shapes.push_back(shape);
    return picture_.snapshot.shapes.size() - 1;
  }

  void collect_shapes() {
    for (const auto& job : picture_.training)
      training_shape_.push_back(shape_index(job->spec.pod_template.shape()));
    for (const auto& pool : picture_.inference)
      inference_shape_.push_back(shape_index(pool->spec.pod_template.shape()));
  }

  void add_pods() {
    training_bound_.resize(picture_.training.size());
    world_.pods.for_each_in(kAttended, [&](const Shared<kube::Pod>& pod) {
      if (claim_for_training(pod) || claim_for_inference(pod)) return;
      occupy(*pod);
    });
    for (const auto& job : picture_.training)
      world_.pods.for_each_in(job->meta.key,
                              [&](const Shared<kube::Pod>& pod) { claim_for_training(pod); });
  }

  std::size_t node_of(const kube::Pod& pod) const {
    if (pod.node.empty()) return kNone;
    const auto at = node_index_.find(pod.node.str());
    return at == node_index_.end() ? kNone : at->second;
  }

  // Bound to a node that is no more: nobody will say how it ended.
  bool lost(const kube::Pod& pod) {
    if (pod.node.empty() || pod.terminal()) return false;
    // Nearly every pod is on a node that is as it should be.
    const std::size_t index = node_of(pod);
    if (index != kNone && picture_.snapshot.nodes[index].health == plan::NodeHealth::kHealthy)
      return false;
    const auto node = world_.nodes.find({Namespace(), ObjectName(pod.node.str())});
    if (node == nullptr) return true;
    const bool by_node = fate_of(*node) == NodeFate::kGone;
    const bool by_word = fate(*node) == NodeFate::kGone;
    if (by_word && !by_node) picture_.gone_by_word.insert(NodeName(pod.node.str()));
    return by_node || by_word;
  }

  // A pod of others takes room from its node until it has ended.
  void occupy(const kube::Pod& pod) {
    const std::size_t node = node_of(pod);
    if (node == kNone || pod.terminal()) return;
    plan::Resources& free = picture_.snapshot.nodes[node].free;
    const ResourceName& resource =
        picture_.pools[picture_.snapshot.nodes[node].pool]->spec.accelerator.resource;
    free.accelerators -= AcceleratorCount(pod.requests.count(resource));
    free.cpu -= pod.requests.cpu;
    free.memory -= pod.requests.memory;
  }

  bool claim_for_training(const Shared<kube::Pod>& shared) {
    const kube::Pod& pod = *shared;
    const auto name = pod.meta.labels.find(label::kTrainingJob);
    const auto attempt = name ? attempt_of(pod.meta) : std::nullopt;
    if (!attempt) return false;
    const auto at = training_index_.find(pod.meta.key.ns, *name);
    if (!at) return false;
    TrainingChildren& children = picture_.training_children[*at];
    if (!children.current || !pod.meta.controlled_by(children.current->meta.uid)) {
      const bool ours =
          std::any_of(children.earlier.begin(), children.earlier.end(),
                      [&](const auto& job) { return pod.meta.controlled_by(job->meta.uid); });
      if (!ours && !children.foreign_job) return false;
      children.earlier_pods = children.earlier_pods || !pod.terminal();
      if (lost(pod)) children.lost_pods.push_back(shared);
      return true;
    }
    if (lost(pod)) {
      children.lost_pods.push_back(shared);
      children.replica_lost = true;
      children.node_lost = true;
      return true;
    }
    if (!pod.terminal() && !pod.deleting()) children.pods.push_back(shared);
    note_replica(children, pod);
    const std::size_t node = node_of(pod);
    if (node != kNone && !pod.terminal() && !pod.deleting()) ++training_bound_[*at][node];
    return true;
  }

  bool claim_for_inference(const Shared<kube::Pod>& shared) {
    const kube::Pod& pod = *shared;
    const auto name = pod.meta.labels.find(label::kInferencePool);
    const auto pool = pod.meta.labels.find(label::kPool);
    if (!name || !pool) return false;
    const auto at = inference_index_.find(pod.meta.key.ns, *name);
    if (!at) return false;
    InferenceShareChildren& share = picture_.inference_children[*at].shares[PoolName(*pool)];
    if (lost(pod)) {
      share.lost_pods.push_back(shared);
      return true;
    }
    if (pod.deleting() || pod.terminal()) return true;
    const std::size_t node = node_of(pod);
    share.replicas.push_back({.pod = shared, .node = node});
    if (node == kNone) {
      share.waiting_since =
          std::min(share.waiting_since.value_or(pod.meta.created_at), pod.meta.created_at);
      return true;
    }
    ++share.bound;
    return true;
  }

  static std::vector<plan::Bound> bound_list(const std::map<std::size_t, std::int64_t>& by_node) {
    std::vector<plan::Bound> list;
    list.reserve(by_node.size());
    for (const auto& [node, replicas] : by_node)
      list.push_back({.node = node, .replicas = replicas});
    return list;
  }

  plan::Demand demand_of(const api::AcceleratorRequest& request, const api::PodShape& shape,
                         std::int64_t replicas, std::size_t shape_at) const {
    plan::Demand demand{.replicas = replicas,
                        .per_replica = {.accelerators = request.per_replica,
                                        .cpu = shape.cpu,
                                        .memory = shape.memory},
                        .shape = shape_at};
    for (const api::AcceleratorChoice& choice : request.models) {
      demand.models.push_back({.model = choice.name, .speed_percent = choice.speed_percent});
    }
    return demand;
  }

  void add_checkpoint(std::size_t i) {
    const api::TrainingJob& job = *picture_.training[i];
    if (!job.spec.checkpoint) return;
    const TrainingChildren& children = picture_.training_children[i];
    picture_.checkpoints[i] = checkpoint_of({.job = job,
                                             .children = children,
                                             .may_still_write = earlier_attempt_ending(children),
                                             .speed_percent = speed_of(job)},
                                            observed_, now_);
  }

  // Of the accelerator that it is placed on.
  std::int64_t speed_of(const api::TrainingJob& job) const {
    constexpr std::int64_t kFirstListed = 100;
    if (!job.status.placement) return kFirstListed;
    const auto pool = pool_index_.find(job.status.placement->pool);
    if (pool == pool_index_.end()) return kFirstListed;
    const AcceleratorModel& model = picture_.snapshot.pools[pool->second].model;
    for (const api::AcceleratorChoice& choice : job.spec.accelerator.models) {
      if (choice.name == model) return choice.speed_percent;
    }
    return kFirstListed;
  }

  static bool earlier_attempt_ending(const TrainingChildren& children) {
    return children.earlier_pods || children.foreign_job ||
           std::any_of(children.earlier.begin(), children.earlier.end(),
                       [](const auto& earlier) { return !earlier->terminal(); });
  }

  void settle_training() {
    std::size_t kept = 0;
    picture_.checkpoints.resize(picture_.training.size());
    for (std::size_t i = 0; i < picture_.training.size(); ++i) {
      const api::TrainingJob& job = *picture_.training[i];
      const auto& placement = job.status.placement;
      const bool pool_missing = placement && !pool_index_.contains(placement->pool);
      if (pool_missing && job.status.started_at && !job.spec.suspend && !job.meta.deleted_at) {
        picture_.held.push_back(picture_.training[i]);
        continue;
      }
      add_checkpoint(i);
      picture_.snapshot.training.push_back(plan_training(i));
      if (kept != i) {
        picture_.checkpoints[kept] = std::move(picture_.checkpoints[i]);
        picture_.training[kept] = picture_.training[i];
        picture_.training_children[kept] = std::move(picture_.training_children[i]);
      }
      ++kept;
    }
    picture_.training.resize(kept);
    picture_.checkpoints.resize(kept);
    picture_.training_children.resize(kept);
  }

  plan::TrainingWorkload plan_training(std::size_t i) {
    const api::TrainingJob& job = *picture_.training[i];
    const TrainingChildren& children = picture_.training_children[i];
    plan::TrainingWorkload workload{.key = job.meta.key, .uid = job.meta.uid};
    workload.demand = demand_of(job.spec.accelerator, job.spec.pod_template.shape(),
                                job.spec.replicas, training_shape_[i]);
    workload.demand.tiers = job.spec.tiers;
    workload.demand.priority = job.spec.priority;
    workload.demand.max_rate = job.spec.max_rate;
    workload.gang = job.spec.gang;
    workload.created_at = job.meta.created_at;
    workload.duration = job.spec.duration;
    workload.deadline = job.spec.deadline;
    workload.fallback_after = job.spec.fallback_after;
    workload.launch_timeout = job.spec.launch_timeout;
    workload.max_restarts = job.spec.max_restarts;
    workload.suspended = job.spec.suspend;
    workload.own_hours = builder_.hours_.own_hours(job);
    workload.terminating = job.meta.deleted_at.has_value();
    workload.last_attempt = job.status.attempt;
    workload.user_failures = job.status.restarts_counted;
    workload.waiting_since = waiting_since(job);
    workload.earlier_attempt_ending = earlier_attempt_ending(children);
    workload.restarts_without_progress =
        job.status.checkpoint ? job.status.checkpoint->restarts_without_progress : 0;
    if (const auto& checkpoint = picture_.checkpoints[i])
      workload.checkpointing = checkpoint->facts;
    const auto& placement = job.status.placement;
    if (!placement) return workload;
    const auto pool = pool_index_.find(placement->pool);
    if (pool == pool_index_.end()) return workload;
    workload.placement = {
        .pool = pool->second, .attempt = placement->attempt, .since = placement->since};
    workload.state =
        builder_.options_.observe ? plan::AttemptState::kRunning : state_of(job, children);
    if (workload.state == plan::AttemptState::kRunning || job.status.started_at) {
      workload.running_since = job.status.started_at
                                   ? *job.status.started_at
                                   : children.last_started_at.value_or(placement->since);
    }
    if (children.current) workload.starting_since = children.current->meta.created_at;
    if (workload.state == plan::AttemptState::kLost && children.node_lost)
      workload.loss = plan::LossKind::kNode;
    workload.bound = bound_list(training_bound_[i]);
    return workload;
  }

  void settle_inference() {
    const InferenceView view(picture_.snapshot, builder_.options_.observe, now_);
    for (std::size_t i = 0; i < picture_.inference.size(); ++i) {
      const api::InferencePool& pool = *picture_.inference[i];
      picture_.snapshot.inference.push_back(
          view.workload(pool, picture_.inference_children[i],
                        demand_of(pool.spec.accelerator, pool.spec.pod_template.shape(),
                                  pool.spec.replicas, inference_shape_[i]),
                        builder_.options_.inference_launch_timeout));
      plan::InferenceWorkload& workload = picture_.snapshot.inference.back();
      workload.own_hours = builder_.hours_.own_hours(pool);
      const api::Condition* placed =
          api::find_condition(pool.status.conditions, api::condition::kPlaced);
      workload.slept = placed != nullptr && placed->reason == plan::to_string(plan::Cause::kAsleep);
    }
    if (observed_.turns_in == nullptr) return;
    picture_.snapshot.turns =
        (*observed_.turns_in)(plan::services_waking(picture_.snapshot, now_), now_);
  }

  // After everything else: what a pool is expected to do depends on its nodes.
  void add_life_estimates() {
    for (std::size_t i = 0; i < picture_.pools.size(); ++i) {
      if (picture_.pools[i]->spec.tier != api::Tier::kSpot) continue;
      const Duration age = picture_.oldest_node_age[i].value_or(Duration(0));
      picture_.snapshot.pools[i].offering.life =
          market::estimate_life(life_sums(picture_.pools[i]->status), age);
    }
  }

  PictureBuilder& builder_;
  const World& world_;
  const Assumptions& assumptions_;
  const PriceOf& price_of_;
  Instant now_;
  const Observed& observed_;
  Picture picture_;
  std::map<PoolName, std::size_t> pool_index_;
  KeyIndex training_index_;
  KeyIndex inference_index_;
  std::unordered_map<std::string, std::size_t> node_index_;
  std::vector<std::size_t> training_shape_;
  std::vector<std::size_t> inference_shape_;
  std::vector<std::map<std::size_t, std::int64_t>> training_bound_;
};

Picture PictureBuilder::build(const World& world, const Assumptions& assumptions,
                              const PriceOf& price_of, Instant now, const Observed& observed) {
  return Pass(*this, world, assumptions, price_of, now, observed).run();
}

std::optional<PoolName> PictureBuilder::pool_of(const kube::Node& node) const {
  const auto at = membership_.find(node.meta.key);
  return at == membership_.end() ? std::nullopt : at->second.pool;
}

}  // namespace spillway::control
