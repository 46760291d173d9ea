// The part of the loop that is about saving and resuming: what a pass hands to the books that work
// in the background, and what it takes from them.

#include <utility>

#include <nlohmann/json.hpp>

#include <spillway/api/agent_protocol.h>
#include <spillway/control/checkpoint_wiring.h>
#include <spillway/control/controller.h>
#include <spillway/control/keys.h>
#include <spillway/core/log.h>
#include <spillway/core/text.h>

#include "checkpoint_facts.h"
#include "replica_checkpoints.h"

namespace spillway::control {
namespace {

using nlohmann::json;

constexpr Duration kKeyAgain = std::chrono::seconds(10);
constexpr std::string_view kKeyField = "key";

// A field of a Secret as the API server has it: base64, which is as good a key as what it encodes.
Secret key_in(const json& object) {
  return Secret(object.value("/data/key"_json_pointer, std::string()));
}

cloud::Url pod_url(const std::string& ip, std::int64_t port, std::string_view path) {
  const bool v6 = ip.find(':') != std::string::npos;
  return {.scheme = "http",
          .host = v6 ? "[" + ip + "]" : ip,
          .port = static_cast<std::uint16_t>(port),
          .path = std::string(path)};
}

SaveOrder::Pod address_of(const kube::Pod& pod, const api::CheckpointSpec& spec) {
  const auto& http = spec.trigger.http;
  if (spec.mode == api::CheckpointMode::kNative && http)
    return {.uid = pod.meta.uid, .save = pod_url(pod.ip, http->port, http->path)};
  return {.uid = pod.meta.uid,
          .save = pod_url(pod.ip, api::agent::kPort, api::agent::kSavePath),
          .status = pod_url(pod.ip, api::agent::kPort, api::agent::kStatusPath)};
}

// The request stands in the job's stored status: it may be made.
bool is_recorded(const World& world, const ObjectKey& job, const api::SaveStatus& asked) {
  const auto stored = world.training_jobs.find(job);
  if (stored == nullptr) return false;
  const std::optional<api::SaveStatus>& save = stored->status.save;
  return save && save->attempt == asked.attempt && save->requested_at == asked.requested_at &&
         save->state == api::SaveState::kRequested;
}

}  // namespace

void Controller::hear(InstanceWord word) {
  constexpr std::size_t kMost = 4 * NoticeBook::kMaxInstances;
  if (heard_.size() > kMost) heard_.clear();  // then messages are told once more, no harm done
  heard_.emplace(word.instance, facts_.passes);
  if (!notices_.hear(std::move(word))) return;
  heard_news_ = true;
  changed_.notify();
  urgent_.notify();
}

// The pass after the one that planned with it comes when its chains have ended.
bool Controller::acted_on(const std::string& instance) const {
  const auto at = heard_.find(instance);
  return at != heard_.end() && facts_.passes > at->second && executor_->in_flight() == 0;
}

Observed Controller::observed() const {
  return {.notices = &notices_,
          .stores = options_.checkpoints.stores,
          .checkpoints = book_.get(),
          .requests = requests_.get(),
          .agent = !options_.checkpoints.agent.image.empty(),
          .turns_in = turns_in_ ? &turns_in_ : nullptr};
}

// After a restart only: the deadlines of notices that were recorded with the saves they led to, for
// the nodes that the pods of these jobs are on.
NoticeBook::Recorded Controller::recorded_deadlines() const {
  NoticeBook::Recorded recorded;
  if (facts_.passes > 0) return recorded;
  world_.pods.for_each([&](const std::shared_ptr<const kube::Pod>& pod) {
    const auto name = pod->meta.labels.find(label::kTrainingJob);
    if (!name || pod->node.empty() || pod->terminal()) return;
    const auto job = world_.training_jobs.find({pod->meta.key.ns, ObjectName(*name)});
    if (job == nullptr) return;
    const NodeName node(pod->node.str());
    const auto note = [&](const std::optional<api::SaveStatus>& save) {
      if (!save || save->reason != api::SaveReason::kNotice) return;
      if (save->attempt != job->status.attempt) return;
      const auto [at, fresh] = recorded.emplace(node, save->deadline);
      if (!fresh) at->second = std::min(at->second, save->deadline);
    };
    note(job->status.save);
    note(save_asked_of(*pod, job->status.attempt));
  });
  return recorded;
}

void Controller::follow_checkpoints() {
  if (!book_) return;
  std::vector<CheckpointTarget> targets;
  for (const auto& checkpoint : picture_.checkpoints) {
    if (!checkpoint) continue;
    if (checkpoint->target) targets.push_back(*checkpoint->target);
    for (const ReplicaCheckpoint& replica : checkpoint->replicas)
      targets.push_back(replica.target);
  }
  book_->want(std::move(targets));
  if (!options_.observe && !token_key_.empty()) requests_->want(save_orders());
}

// Every pod that retries alone is asked for itself, once its own annotations say so.
std::vector<SaveOrder> Controller::orders_of_replicas() const {
  std::vector<SaveOrder> orders;
  for (std::size_t i = 0; i < picture_.checkpoints.size(); ++i) {
    const api::TrainingJob& job = *picture_.training[i];
    const std::optional<api::CheckpointSpec>& spec = job.spec.checkpoint;
    const std::optional<TrainingCheckpoint>& checkpoint = picture_.checkpoints[i];
    if (!spec || !checkpoint) continue;
    for (const ReplicaCheckpoint& replica : checkpoint->replicas) {
      const auto& save = replica.facts.save;
      if (!replica.step || !replica.step->ask || !save || replica.pod->ip.empty()) continue;
      const std::optional<api::SaveStatus>& asked = replica.step->save;
      if (!asked) continue;
      orders.push_back({.job = replica.pod->meta.uid,
                        .id = save_id(*save),
                        .attempt = save->attempt,
                        .deadline = asked->deadline,
                        .reason = std::string(api::to_string(save->reason)),
                        .token = job_token(token_key_, job.meta.uid),
                        .agent = spec->mode == api::CheckpointMode::kAgent,
                        .pods = {address_of(*replica.pod, *spec)},
                        .recorded = true});
    }
  }
  return orders;
}

std::vector<SaveOrder> Controller::save_orders() const {
  std::vector<SaveOrder> orders = orders_of_replicas();
  for (const plan::TrainingDecision& decision : plan_.training) {
    const auto& step = decision.interruption;
    if (!step || !step->ask) continue;
    const std::optional<api::SaveStatus>& asked = step->save;
    const api::TrainingJob& job = *picture_.training[decision.workload];
    const std::optional<api::CheckpointSpec>& spec = job.spec.checkpoint;
    if (!asked || !spec) continue;
    SaveOrder order{.job = job.meta.uid,
                    .id = save_id(*asked),
                    .attempt = asked->attempt,
                    .deadline = asked->deadline,
                    .reason = std::string(api::to_string(asked->reason)),
                    .token = job_token(token_key_, job.meta.uid),
                    .agent = spec->mode == api::CheckpointMode::kAgent,
                    .recorded = is_recorded(world_, job.meta.key, *asked)};
    for (const auto& pod : picture_.training_children[decision.workload].pods) {
      if (!pod->ip.empty()) order.pods.push_back(address_of(*pod, *spec));
    }
    orders.push_back(std::move(order));
  }
  return orders;
}

// The pods are asked as soon as the request stands in their job's status, whether the answer to the
// write or the watch tells it: that follows from what is recorded, and need not wait for a pass.
Task<void> Controller::ask_when_recorded() {
  while (!stopping_) {
    co_await recorded_.wait(MonotonicTime::max());
    for (const ObjectKey& key : std::exchange(changed_jobs_, {})) {
      const auto job = world_.training_jobs.find(key);
      if (job == nullptr || stopping_ || !leading_()) continue;
      const std::optional<api::SaveStatus>& save = job->status.save;
      if (save && save->state == api::SaveState::kRequested)
        requests_->record(job->meta.uid, save_id(*save));
    }
  }
}

// Read, or made by whoever comes first.
Task<void> Controller::find_token_key() {
  const ObjectKey& where = options_.checkpoints.key_secret;
  if (key_again_ && runtime_.clock.monotonic() < *key_again_) co_return;
  auto found = co_await client_.get(kube::kSecrets, where);
  if (!found && found.error().code == ErrorCode::kNotFound) {
    std::string key;
    for (int i = 0; i < 4; ++i)
      key += hex(runtime_.random.next());
    json secret = {{"metadata", {{"name", where.name.str()}, {"namespace", where.ns.str()}}},
                   {"type", "Opaque"},
                   {"immutable", true},
                   {"stringData", {{std::string(kKeyField), key}}}};
    found = co_await client_.create(kube::kSecrets, std::move(secret));
    if (!found && found.error().code == ErrorCode::kAlreadyExists)
      found = co_await client_.get(kube::kSecrets, where);
  }
  if (found) token_key_ = key_in(*found);
  if (!token_key_.empty()) {
    reconciler_.set_token_key(token_key_);
    key_again_.reset();
    co_return;
  }
  key_again_ = runtime_.clock.monotonic() + kKeyAgain;
  log::warning(
      "attempts with checkpoints wait: the key of their tokens is not to be had",
      {{"secret", where.to_string()},
       {"error", found ? std::string("it has no field 'key': delete it") : found.error().message}});
}

}  // namespace spillway::control
