#include <spillway/control/executor.h>

#include <algorithm>
#include <exception>
#include <utility>

#include <spillway/api/codec.h>
#include <spillway/control/notices.h>
#include <spillway/core/log.h>

namespace spillway::control {
namespace {

using nlohmann::json;

const kube::FieldManager& status_manager() {
  static const kube::FieldManager manager("spillway-status");
  return manager;
}
const kube::FieldManager& child_manager() {
  static const kube::FieldManager manager("spillway");
  return manager;
}

ObjectKey key_in(const json& object) {
  const json& metadata = object.at("metadata");
  return {Namespace(metadata.value("namespace", "")), ObjectName(metadata.value("name", ""))};
}

bool owned_by(const json& object, const Uid& owner) {
  const auto references = object.value("/metadata/ownerReferences"_json_pointer, json::array());
  return std::any_of(references.begin(), references.end(), [&](const json& reference) {
    return reference.value("uid", "") == owner.str();
  });
}

tl::unexpected<Error> taken(const kube::ResourceType& type, const ObjectKey& key) {
  return fail(
      ErrorCode::kRejected,
      std::string(type.kind) + " " + key.to_string() +
          " exists and belongs to somebody else: delete or rename it, or rename the workload");
}

// An apply creates what is not there, so it is the kind that is not.
tl::unexpected<Error> unknown_kind(const kube::ResourceType& type) {
  return fail(ErrorCode::kRejected, "the API server has no " + std::string(type.kind) + " of " +
                                        std::string(type.group) + "/" + std::string(type.version) +
                                        ": install its CRD, or leave out what asks for it");
}

// What a person has to mend; everything else is retried without bothering anybody.
bool needs_a_person(const Error& error) {
  return error.code == ErrorCode::kRejected || error.code == ErrorCode::kForbidden ||
         error.code == ErrorCode::kInvalidArgument;
}

// The API server has too much to do, or does not answer.
bool tells_overload(const Error& error) {
  return error.code == ErrorCode::kThrottled || error.code == ErrorCode::kUnavailable ||
         error.code == ErrorCode::kTimeout || error.code == ErrorCode::kUnknownOutcome;
}

// Without our finalizer, or with it.
json finalizers_of(const json& object, bool held) {
  json list = object.at("metadata").value("finalizers", json::array());
  std::erase(list.get_ref<json::array_t&>(), json(api::kCheckpointFinalizer));
  if (held) list.push_back(api::kCheckpointFinalizer);
  return list;
}

}  // namespace

Executor::Executor(kube::Client& client, SinkOf sink_of, kube::EventRecorder& events,
                   TaskGroup& tasks, ExecutorOptions options, std::function<void()> changed)
    : client_(client),
      sink_of_(std::move(sink_of)),
      events_(events),
      tasks_(tasks),
      options_(options),
      changed_(std::move(changed)),
      width_(static_cast<double>(options.max_in_flight)) {}

bool Executor::may_try(const kube::ObjectReference& subject) const {
  if (failures_.empty()) return true;
  const auto failure = failures_.find(identity(subject));
  return failure == failures_.end() ||
         failure->second.try_again <= client_.runtime().clock.monotonic();
}

Trouble Executor::trouble_of(const kube::ObjectReference& subject) const {
  if (failures_.empty()) return {};
  const auto failure = failures_.find(identity(subject));
  return failure == failures_.end() ? Trouble() : failure->second.trouble;
}

std::optional<MonotonicTime> Executor::next_retry() const {
  std::optional<MonotonicTime> next;
  const MonotonicTime now = client_.runtime().clock.monotonic();
  for (const auto& [subject, failure] : failures_) {
    if (failure.try_again > now)
      next = std::min(next.value_or(failure.try_again), failure.try_again);
  }
  return next;
}

void Executor::start(Work work) {
  busy_.emplace(identity(work.subject), true);
  if (work.assumed_training_job)
    assumptions_.training_jobs[work.subject.key] = work.assumed_training_job;
  if (work.assumed_inference_pool)
    assumptions_.inference_pools[work.subject.key] = work.assumed_inference_pool;
  (work.urgent ? urgent_ : waiting_).push_back(std::move(work));
  pump();
}

void Executor::pump() {
  while (!stopping_ && running_ < width()) {
    std::deque<Work>& queue = urgent_.empty() ? waiting_ : urgent_;
    if (queue.empty()) break;
    Work next = std::move(queue.front());
    queue.pop_front();
    ++running_;
    tasks_.spawn(run(std::move(next)));
  }
}

Task<void> Executor::run(Work work) {
  ++metrics_.chains;
  Result<void> outcome;
  bool told = false;
  for (const Write& write : work.writes) {
    if (stopping_) {
      outcome = fail(ErrorCode::kCancelled, "stopping");
      break;
    }
    // One place for what a library throws at an answer that nobody expected: an error of this
    // object, not of the process.
    try {
      outcome = co_await perform(write);
    } catch (const std::exception& thrown) {
      outcome =
          fail(ErrorCode::kInternal, std::string("an answer was not understood: ") + thrown.what());
    }
    if (!outcome) break;
    if (!told && std::holds_alternative<WriteStatus>(write)) {
      tell(work);
      told = true;
    }
  }
  if (outcome && !told) tell(work);
  if (work.assumed_training_job) assumptions_.training_jobs.erase(work.subject.key);
  if (work.assumed_inference_pool) assumptions_.inference_pools.erase(work.subject.key);
  adapt(outcome);
  if (outcome) {
    failures_.erase(identity(work.subject));
  } else {
    note_failure(work.subject, outcome.error());
  }
  busy_.erase(identity(work.subject));
  --running_;
  pump();
  changed_();
}

// Additive increase, multiplicative decrease: one more for as many as are under way, half of them
// at the first sign of overload. The answers to what was sent before that sign are no further one.
void Executor::adapt(const Result<void>& outcome) {
  const auto most = static_cast<double>(options_.max_in_flight);
  if (outcome) {
    width_ = std::min(most, width_ + 1 / width_);
    return;
  }
  const MonotonicTime now = client_.runtime().clock.monotonic();
  const bool lately = halved_at_ && now - *halved_at_ < options_.halve_again_after;
  if (!tells_overload(outcome.error()) || lately) return;
  width_ = std::max(width_ / 2, static_cast<double>(options_.least_in_flight));
  halved_at_ = now;
}

void Executor::tell(const Work& work) {
  for (const Notable& notable : work.notables) {
    events_.record({.regarding = work.subject,
                    .type = notable.warning ? kube::EventType::kWarning : kube::EventType::kNormal,
                    .reason = notable.reason,
                    .action = notable.action,
                    .note = notable.note});
    log::info(notable.reason, {{"kind", work.subject.kind},
                               {"object", work.subject.key.to_string()},
                               {"note", notable.note}});
  }
}

Task<Result<void>> Executor::perform(const Write& write) {
  if (const auto* status = std::get_if<WriteStatus>(&write))
    co_return co_await write_status(*status);
  if (const auto* current = std::get_if<ConfirmCurrent>(&write))
    co_return co_await confirm(*current);
  if (const auto* attempt = std::get_if<ConfirmAttemptOver>(&write))
    co_return co_await confirm_over(*attempt);
  if (const auto* child = std::get_if<CreateChild>(&write)) co_return co_await create(*child);
  if (const auto* child = std::get_if<ApplyChild>(&write)) co_return co_await apply(*child);
  if (const auto* node = std::get_if<ConfirmNodeGone>(&write))
    co_return co_await confirm_gone(*node);
  if (const auto* notice = std::get_if<ConfirmNotice>(&write))
    co_return co_await confirm_notice(*notice);
  if (const auto* marks = std::get_if<Annotate>(&write)) co_return co_await annotate(*marks);
  if (const auto* once = std::get_if<CreateOnce>(&write)) co_return co_await create_once(*once);
  if (const auto* hold = std::get_if<HoldDeletion>(&write)) co_return co_await hold_deletion(*hold);
  if (const auto* mark = std::get_if<MarkDisrupted>(&write)) co_return co_await mark_pod(*mark);
  co_return co_await remove(std::get<DeleteObject>(write));
}

void Executor::absorb(const kube::ResourceType& type, const json& object) {
  kube::ObjectSink* sink = sink_of_(type);
  if (sink == nullptr) return;
  if (const auto taken_in = sink->upsert(object); !taken_in) {
    log::warning("an answer could not be understood",
                 {{"type", type.to_string()}, {"error", taken_in.error().message}});
  }
}

Task<Result<std::optional<json>>> Executor::read_live(kube::ResourceType type, ObjectKey key) {
  auto live = co_await client_.get(type, key);
  if (!live && live.error().code == ErrorCode::kNotFound) co_return std::nullopt;
  if (!live) co_return fail(std::move(live).error());
  absorb(type, *live);
  co_return std::optional<json>(std::move(*live));
}

Task<Result<void>> Executor::write_status(const WriteStatus& write) {
  json object = {{"metadata", {{"name", write.key.name.str()}}}, {"status", write.status}};
  if (!write.key.ns.empty()) object["metadata"]["namespace"] = write.key.ns.str();
  kube::ApplyOptions options{.field_manager = status_manager(),
                             .subresource = kube::Subresource::kStatus,
                             .resource_version = write.decided_on};
  auto written = co_await client_.apply(write.type, std::move(object), std::move(options));
  if (written) {
    absorb(write.type, *written);
    co_return Result<void>();
  }
  Error error = std::move(written).error();
  if (error.code == ErrorCode::kNotFound)
    co_return fail(ErrorCode::kCancelled, "the object is gone");
  if (error.code == ErrorCode::kConflict || error.code == ErrorCode::kUnknownOutcome) {
    // The object moved on, or the write may have happened: what is there now is what the next pass
    // decides on.
    auto live = co_await read_live(write.type, write.key);
    if (!live) co_return fail(live.error().in("reading back after '" + error.message + "'"));
    if (error.code == ErrorCode::kConflict) co_return fail(ErrorCode::kConflict, error.message);
  }
  co_return fail(error.in("writing the status of " + std::string(write.type.kind) + " " +
                          write.key.to_string()));
}

Task<Result<void>> Executor::confirm(const ConfirmCurrent& write) {
  TRY_CO(live, co_await read_live(write.type, write.key));
  if (!live) co_return fail(ErrorCode::kCancelled, "the object is gone");
  const std::string version = live->at("metadata").value("resourceVersion", "");
  if (version != write.decided_on.str())
    co_return fail(ErrorCode::kConflict, "the object moved on from the version decided on");
  co_return Result<void>();
}

Task<Result<void>> Executor::confirm_over(const ConfirmAttemptOver& write) {
  TRY_CO(live, co_await read_live(kube::kJobs, write.job));
  if (!live || !owned_by(*live, write.owner)) co_return Result<void>();
  TRY_CO(job, kube::Job::from_json(*live));
  if (job.terminal()) co_return Result<void>();
  co_return fail(ErrorCode::kConflict, "Job " + write.job.to_string() + " is not over");
}

Task<Result<void>> Executor::create(const CreateChild& write) {
  const ObjectKey key = key_in(write.object);
  auto created = co_await client_.create(write.type, write.object);
  if (created) {
    absorb(write.type, *created);
    co_return Result<void>();
  }
  Error error = std::move(created).error();
  if (error.code == ErrorCode::kAlreadyExists || error.code == ErrorCode::kUnknownOutcome) {
    TRY_CO(live, co_await read_live(write.type, key));
    if (live && owned_by(*live, write.owner)) co_return Result<void>();
    if (live) co_return taken(write.type, key);
  }
  co_return fail(error.in("creating " + std::string(write.type.kind) + " " + key.to_string()));
}

Task<Result<void>> Executor::apply(const ApplyChild& write) {
  const ObjectKey key = key_in(write.object);
  if (!write.known) {
    TRY_CO(live, co_await read_live(write.type, key));
    if (live && !owned_by(*live, write.owner)) co_return taken(write.type, key);
  }
  auto applied = co_await client_.apply(write.type, write.object,
                                        kube::ApplyOptions{.field_manager = child_manager()});
  if (!applied && applied.error().code == ErrorCode::kNotFound) co_return unknown_kind(write.type);
  if (!applied)
    co_return fail(
        applied.error().in("applying " + std::string(write.type.kind) + " " + key.to_string()));
  absorb(write.type, *applied);
  co_return Result<void>();
}

Task<Result<void>> Executor::remove(const DeleteObject& write) {
  auto removed = co_await client_.remove(
      write.type, write.key,
      kube::DeleteOptions{
          .uid = write.uid, .propagation = write.propagation, .grace = write.grace});
  const bool outcome_unknown = !removed && removed.error().code == ErrorCode::kUnknownOutcome;
  if (!removed && !outcome_unknown && removed.error().code != ErrorCode::kConflict) {
    co_return fail(removed.error().in("deleting " + std::string(write.type.kind) + " " +
                                      write.key.to_string()));
  }
  // What is there now is what the next pass sees: gone, ending, or (a conflict) another object of
  // that name.
  TRY_CO(live, co_await read_live(write.type, write.key));
  if (live) co_return Result<void>();
  kube::ObjectSink* sink = sink_of_(write.type);
  if (sink != nullptr) sink->forget(write.key, write.uid);
  co_return Result<void>();
}

Task<Result<void>> Executor::confirm_gone(const ConfirmNodeGone& write) {
  const ObjectKey key{Namespace(), ObjectName(write.node.str())};
  TRY_CO(live, co_await read_live(kube::kNodes, key));
  if (!live) co_return Result<void>();
  TRY_CO(node, kube::Node::from_json(*live));
  if (fate_of(node) == NodeFate::kGone) co_return Result<void>();
  co_return fail(ErrorCode::kConflict, "node " + write.node.str() + " is there");
}

Task<Result<void>> Executor::confirm_notice(const ConfirmNotice& write) {
  for (const NodeName& name : write.nodes) {
    const ObjectKey key{Namespace(), ObjectName(name.str())};
    TRY_CO(live, co_await read_live(kube::kNodes, key));
    if (!live) co_return Result<void>();
    TRY_CO(node, kube::Node::from_json(*live));
    if (has_to_be_left(node) || fate_of(node) == NodeFate::kGone) co_return Result<void>();
  }
  co_return fail(ErrorCode::kConflict, "the notice was taken back");
}

Task<Result<void>> Executor::annotate(const Annotate& write) {
  nlohmann::json patch = {{"metadata", {{"annotations", write.annotations}}}};
  auto patched = co_await client_.merge_patch(write.type, write.key, std::move(patch), {});
  if (patched) {
    absorb(write.type, *patched);
    co_return Result<void>();
  }
  // Gone meanwhile: nothing is left to mark.
  if (patched.error().code == ErrorCode::kNotFound) co_return Result<void>();
  co_return fail(patched.error().in("annotating " + std::string(write.type.kind) + " " +
                                    write.key.to_string()));
}

// On what is there now: a merge patch replaces the whole list of conditions.
Task<Result<void>> Executor::mark_pod(const MarkDisrupted& write) {
  constexpr std::string_view kType = "DisruptionTarget";
  TRY_CO(live, co_await read_live(kube::kPods, write.pod));
  if (!live) co_return Result<void>();
  json conditions = live->value("/status/conditions"_json_pointer, json::array());
  std::erase_if(conditions.get_ref<json::array_t&>(),
                [&](const json& entry) { return entry.value("type", "") == kType; });
  conditions.push_back({{"type", kType},
                        {"status", "True"},
                        {"reason", "DeletionBySpillway"},
                        {"message", write.why},
                        {"lastTransitionTime", format_instant(write.at)}});
  json patch = {{"status", {{"conditions", std::move(conditions)}}}};
  const ResourceVersion version(live->at("metadata").value("resourceVersion", ""));
  auto marked = co_await client_.merge_patch(
      kube::kPods, write.pod, std::move(patch),
      {.resource_version = version, .subresource = kube::Subresource::kStatus});
  if (marked) {
    absorb(kube::kPods, *marked);
    co_return Result<void>();
  }
  if (marked.error().code == ErrorCode::kNotFound) co_return Result<void>();
  co_return fail(marked.error().in("marking Pod " + write.pod.to_string() + " as disrupted"));
}

Task<Result<void>> Executor::create_once(const CreateOnce& write) {
  const auto created = co_await client_.create(write.type, write.object);
  if (created || created.error().code == ErrorCode::kAlreadyExists) co_return Result<void>();
  co_return fail(created.error().in("creating " + std::string(write.type.kind) + " " +
                                    key_in(write.object).to_string()));
}

// On what is there now: another's finalizers are never put back or taken away.
Task<Result<void>> Executor::hold_deletion(const HoldDeletion& write) {
  TRY_CO(live, co_await read_live(kTrainingJobs, write.job));
  const bool same = live && live->at("metadata").value("uid", "") == write.uid.str();
  if (!same && !write.hold) co_return Result<void>();
  const bool deleted = same && live->at("metadata").contains("deletionTimestamp");
  if (write.hold && (!same || deleted)) co_return fail(ErrorCode::kCancelled, "the object goes");
  json finalizers = finalizers_of(*live, write.hold);
  if (finalizers == live->at("metadata").value("finalizers", json::array()))
    co_return Result<void>();
  const bool last = finalizers.empty();
  json patch = {{"metadata", {{"finalizers", last ? json() : std::move(finalizers)}}}};
  const ResourceVersion version(live->at("metadata").value("resourceVersion", ""));
  auto patched = co_await client_.merge_patch(kTrainingJobs, write.job, std::move(patch),
                                              {.resource_version = version});
  if (!patched && patched.error().code == ErrorCode::kNotFound) co_return Result<void>();
  if (!patched) {
    co_return fail(
        patched.error().in("changing the finalizers of TrainingJob " + write.job.to_string()));
  }
  kube::ObjectSink* sink = sink_of_(kTrainingJobs);
  if (deleted && last && sink != nullptr) {
    sink->forget(write.job, write.uid);  // nothing held it any more
  } else {
    absorb(kTrainingJobs, *patched);
  }
  co_return Result<void>();
}

void Executor::note_failure(const kube::ObjectReference& subject, const Error& error) {
  ++metrics_.failures;
  ++metrics_.failures_by_code[std::string(to_string(error.code))];
  const MonotonicTime now = client_.runtime().clock.monotonic();
  // What has not failed again for so long is forgotten: it was mended, or the object is gone.
  std::erase_if(failures_, [&](const auto& entry) {
    return now - entry.second.try_again > 2 * options_.backoff_cap;
  });
  const bool somebody_else_was_faster =
      error.code == ErrorCode::kConflict || error.code == ErrorCode::kCancelled;
  Failure& failure = failures_[identity(subject)];
  if (!somebody_else_was_faster) failure.count = std::min(failure.count + 1, 30);
  const int doublings = somebody_else_was_faster ? 0 : failure.count - 1;
  const Duration cap = tells_overload(error) ? options_.overload_backoff_cap : options_.backoff_cap;
  Duration delay = options_.backoff_base;
  for (int i = 0; i < doublings && delay < cap; ++i)
    delay *= 2;
  delay = std::min(delay, cap);
  if (error.retry_after) delay = std::max(delay, *error.retry_after);
  failure.try_again = now + delay;
  if (needs_a_person(error)) failure.trouble = error.message;
  if (somebody_else_was_faster || error.code == ErrorCode::kFenced) return;
  log::warning("work on an object failed", {{"kind", subject.kind},
                                            {"object", subject.key.to_string()},
                                            {"error", error.message},
                                            {"code", to_string(error.code)},
                                            {"retry_in", format_duration(delay)}});
}

}  // namespace spillway::control
