#include <spillway/control/reconcile.h>

#include <algorithm>
#include <set>
#include <utility>

#include <spillway/api/codec.h>
#include <spillway/control/children.h>
#include <spillway/control/keys.h>
#include <spillway/control/replica_saves.h>

#include "inference_reconcile.h"
#include "reconcile_parts.h"
#include "training_deletion.h"

namespace spillway::control {
namespace {

using nlohmann::json;
using plan::TrainingVerdict;

constexpr Duration kCountsInterval = std::chrono::seconds(1);

}  // namespace

kube::ObjectReference reference_to(std::string_view kind, const ObjectMeta& meta) {
  return {.api_version = std::string(api::kApiVersion),
          .kind = std::string(kind),
          .key = meta.key,
          .uid = meta.uid};
}

class Reconciler::Pass {
 public:
  Pass(Reconciler& reconciler, const World& world, const Picture& picture, const plan::Plan& plan,
       const PoolMemory& memory, const TroubleOf& trouble_of, Instant now)
      : reconciler_(reconciler),
        world_(world),
        picture_(picture),
        plan_(plan),
        memory_(memory),
        trouble_of_(trouble_of),
        now_(now) {}

  Reconciliation run() {
    for (std::size_t i = 0; i < picture_.pools.size(); ++i)
      pool(i);
    for (const plan::TrainingDecision& decision : plan_.training)
      training(decision);
    InferenceReconciler inference({.world = world_,
                                   .picture = picture_,
                                   .trouble_of = trouble_of_,
                                   .observe = reconciler_.observe_,
                                   .now = now_},
                                  reconciler_.applied_);
    for (const plan::InferenceDecision& decision : plan_.inference) {
      for (Work& work : inference.work_for(decision))
        add(std::move(work));
    }
    for (const auto& [job, sentence] : picture_.refused_training)
      refused("TrainingJob", kTrainingJobs, *job, sentence);
    for (const auto& [pool, sentence] : picture_.refused_inference)
      refused("InferencePool", kInferencePools, *pool, sentence);
    for (const Shared<api::TrainingJob>& job : picture_.finished) {
      let_go(*job);
      expire(*job);
    }
    result_.wake_at = earlier(result_.wake_at, memory_.next_change(now_));
    result_.wake_at = earlier(result_.wake_at, plan_.wake_at);
    return std::move(result_);
  }

 private:
  static std::optional<Instant> earlier(std::optional<Instant> a, std::optional<Instant> b) {
    if (!a || !b) return a ? a : b;
    return std::min(*a, *b);
  }

  void add(Work work) {
    if (!work.writes.empty()) result_.work.push_back(std::move(work));
  }

  // ---- pools

  void pool(std::size_t i) {
    const api::CapacityPool& object = *picture_.pools[i];
    const PoolName& name = picture_.snapshot.pools[i].name;
    auto next = next_status(picture_, i, plan_.pools[i], memory_.stock_outs(name),
                            memory_.life(name), memory_.interruptions_last_day(name), now_);
    if (next.status == object.status || too_soon(name, object.status, next.status)) return;
    Work work{.subject = reference_to("CapacityPool", object.meta),
              .notables = std::move(next.notables)};
    work.writes.emplace_back(WriteStatus{kCapacityPools, object.meta.key,
                                         object.meta.resource_version, api::write(next.status)});
    add(std::move(work));
  }

  // Counts that move with every pod are written at most once in kCountsInterval.
  bool too_soon(const PoolName& name, const api::CapacityPoolStatus& before,
                api::CapacityPoolStatus after) {
    Instant& written = reconciler_.counts_written_[name];
    after.nodes = before.nodes;
    after.accelerators = before.accelerators;
    const Instant next = written + kCountsInterval;
    if (after == before && now_ < next) {
      result_.wake_at = earlier(result_.wake_at, next);
      return true;
    }
    written = now_;
    return false;
  }

  // A failed launch is in the pool's status before the placement is taken back: a crash between the
  // two must neither forget the failure nor count it twice.
  [[nodiscard]] bool failure_recorded(const plan::TrainingPlacement& placement) const {
    const auto memory = stock_out_memory(picture_.pools[placement.pool]->status);
    return memory.failed_at && *memory.failed_at >= placement.since;
  }

  template <class Kind>
  void refused(std::string_view kind, const kube::ResourceType& type, const Kind& object,
               const std::string& sentence) {
    auto next = refused_status(object, sentence, now_);
    if (next.status == object.status) return;
    Work work{.subject = reference_to(kind, object.meta), .notables = std::move(next.notables)};
    work.writes.emplace_back(
        WriteStatus{type, object.meta.key, object.meta.resource_version, api::write(next.status)});
    add(std::move(work));
  }

  // ---- training

  void training(const plan::TrainingDecision& decision) {
    const Shared<api::TrainingJob>& job = picture_.training[decision.workload];
    const plan::TrainingWorkload& workload = picture_.snapshot.training[decision.workload];
    if (job->meta.deleted_at) return deleted(decision, job);
    const bool gives_back = decision.verdict == TrainingVerdict::kPlace ||
                            decision.verdict == TrainingVerdict::kRelease;
    if (gives_back && decision.cause == plan::Cause::kLaunchTimeout && workload.placement &&
        !failure_recorded(*workload.placement)) {
      return;
    }

    Work work{.subject = reference_to("TrainingJob", job->meta)};
    const auto [status, changed] = write_training_status(work, decision, job);
    if (!reconciler_.observe_) {
      if (gives_back && decision.cause == plan::Cause::kNotice) {
        if (auto look = look_for_notice(world_, nodes_of(workload)))
          work.writes.insert(work.writes.begin(), *std::move(look));
      }
      confirm_losses(work, picture_, picture_.training_children[decision.workload].lost_pods);
      const bool hold = wants_deletion_held(*job, status);
      const bool begins = hold && picture_.training_children[decision.workload].current == nullptr;
      if (begins && !job->holds_deletion) hold_deletion(work, *job, true);
      training_children(work, decision, *job, status);
      if (const auto& checkpoint = picture_.checkpoints[decision.workload]) {
        write_replicas(work, world_, *checkpoint, now_);
        result_.wake_at = earlier(result_.wake_at, wake_for_replicas(*checkpoint));
      }
      if (!begins && hold != job->holds_deletion) hold_deletion(work, *job, hold);
      if (!changed) confirm_current(work, kTrainingJobs, job->meta);
    }
    add(std::move(work));
  }

  // Of an attempt that lives.
  [[nodiscard]] std::set<NodeName> nodes_of(const plan::TrainingWorkload& workload) const {
    std::set<NodeName> nodes;
    if (workload.state != plan::AttemptState::kStarting &&
        workload.state != plan::AttemptState::kRunning)
      return nodes;
    for (const plan::Bound& at : workload.bound)
      nodes.insert(picture_.snapshot.nodes[at.node].name);
    return nodes;
  }

  // What the status says next, and whether that is news.
  std::pair<api::TrainingJobStatus, bool> write_training_status(
      Work& work, const plan::TrainingDecision& decision, const Shared<api::TrainingJob>& job) {
    auto next = next_status(picture_, decision, trouble_of_(work.subject), now_);
    const Shared<api::TrainingJob> stored = world_.training_jobs.find(job->meta.key);
    const bool changed = stored == nullptr || !(next.status == stored->status);
    if (changed) {
      work.urgent = decision.interruption && decision.interruption->ask;
      work.writes.emplace_back(WriteStatus{kTrainingJobs, job->meta.key, job->meta.resource_version,
                                           api::write(next.status)});
      work.assumed_training_job = with_status(job, next.status);
      work.notables = std::move(next.notables);
    }
    return {std::move(next.status), changed};
  }

  static void hold_deletion(Work& work, const api::TrainingJob& job, bool hold) {
    work.writes.emplace_back(HoldDeletion{job.meta.key, job.meta.uid, hold});
  }

  // Once it is let go the garbage collector ends the children.
  void deleted(const plan::TrainingDecision& decision, const Shared<api::TrainingJob>& job) {
    if (reconciler_.observe_ || !job->holds_deletion) return;
    const TrainingChildren& children = picture_.training_children[decision.workload];
    Deletion deletion = next_of_deletion(
        {.job = *job,
         .decision = decision,
         .children = children,
         .checkpoint = picture_.checkpoints[decision.workload],
         .pods_ending = picture_.snapshot.training[decision.workload].earlier_attempt_ending,
         .now = now_});
    result_.wake_at = earlier(result_.wake_at, deletion.give_up_at);
    Work work{.subject = reference_to("TrainingJob", job->meta)};
    const bool saves = decision.interruption && decision.interruption->save &&
                       !removes_checkpoints(*job) && !finished(*job);
    const bool recorded = saves && write_training_status(work, decision, job).second;
    if (deletion.step == DeletionStep::kEnd) end_all(work, children);
    if (deletion.attempt_unseen) confirm_over(work, *job, job->status.attempt);
    if (deletion.step == DeletionStep::kLetGo) hold_deletion(work, *job, false);
    if (!recorded && !work.writes.empty()) {
      work.writes.insert(work.writes.begin(),
                         ConfirmCurrent{kTrainingJobs, job->meta.key, job->meta.resource_version});
    }
    if (deletion.notable) work.notables.push_back(*std::move(deletion.notable));
    add(std::move(work));
  }

  static void end_all(Work& work, const TrainingChildren& children) {
    std::vector<Shared<kube::Job>> jobs = children.earlier;
    if (children.current) jobs.push_back(children.current);
    for (const auto& job : jobs) {
      if (!job->terminal() && !job->meta.deleted_at) work.writes.push_back(deletion_of(*job));
    }
    force_out(work, children.lost_pods);
  }

  void training_children(Work& work, const plan::TrainingDecision& decision,
                         const api::TrainingJob& job, const api::TrainingJobStatus& status) {
    const TrainingChildren& children = picture_.training_children[decision.workload];
    const bool over =
        decision.verdict == TrainingVerdict::kSucceed || decision.verdict == TrainingVerdict::kFail;
    std::vector<Write> deletions;
    for (const auto& earlier : children.earlier) {
      if (must_go(*earlier, status)) deletions.push_back(deletion_of(*earlier));
    }
    const bool ends_current =
        children.current && !over &&
        (!status.placement || status.placement->attempt != decided_attempt(*children.current));
    if (ends_current && must_go(*children.current, status))
      deletions.push_back(deletion_of(*children.current));
    const bool ending =
        !deletions.empty() || picture_.snapshot.training[decision.workload].earlier_attempt_ending;
    std::move(deletions.begin(), deletions.end(), std::back_inserter(work.writes));
    // After their Job: while that is not being deleted it would hold on to them. The replicas that
    // retry alone stay for their Job to count.
    if (job.spec.gang) force_out(work, children.lost_pods);
    if (ends_current) hurry(work, decision, children);
    if (over || !status.placement || ending || !decision.may_start) return;
    const bool exists =
        children.current && status.placement->attempt == decided_attempt(*children.current);
    if (!exists) return create_attempt(work, decision.workload, job, status);
    // Somebody deleted it: ranks that start again would not find each other.
    if (!children.current->terminal()) ensure_ranks_service(work, job);
  }

  // The time from SIGTERM to SIGKILL is what a notice leaves of it.
  static void hurry(Work& work, const plan::TrainingDecision& decision,
                    const TrainingChildren& children) {
    if (!decision.interruption || !decision.interruption->grace) return;
    const auto grace = std::chrono::ceil<std::chrono::seconds>(*decision.interruption->grace);
    for (const auto& pod : children.pods) {
      work.writes.emplace_back(DeleteObject{kube::kPods, pod->meta.key, pod->meta.uid,
                                            kube::Propagation::kBackground, grace});
    }
  }

  static AttemptNumber decided_attempt(const kube::Job& job) {
    return AttemptNumber(std::stoll("0" + std::string(job.meta.labels.get(label::kAttempt))));
  }

  // Of the attempts that have ended the last stays, for its logs; those still alive and the older
  // ones go.
  [[nodiscard]] static bool must_go(const kube::Job& job, const api::TrainingJobStatus& status) {
    if (job.meta.deleted_at) return false;
    const bool last = decided_attempt(job) + AttemptNumber(1) >= status.attempt;
    return !job.terminal() || !last;
  }

  // Foreground: the Job stays visible until its pods are gone, so "no Job" means "no pods".
  static Write deletion_of(const kube::Job& job) {
    return DeleteObject{kube::kJobs, job.meta.key, job.meta.uid};
  }

  void ensure_ranks_service(Work& work, const api::TrainingJob& job) const {
    const ObjectKey service{job.meta.key.ns, ranks_service_name(job.meta.key.name)};
    const auto there = world_.services.find(service);
    if (there == nullptr || !there->meta.controlled_by(job.meta.uid))
      work.writes.emplace_back(CreateChild{kube::kServices, ranks_service(job), job.meta.uid});
  }

  void create_attempt(Work& work, std::size_t workload, const api::TrainingJob& job,
                      const api::TrainingJobStatus& status) {
    const api::TrainingPlacement& placement = *status.placement;
    const auto pool =
        std::find_if(picture_.pools.begin(), picture_.pools.end(),
                     [&](const auto& p) { return p->meta.key.name.str() == placement.pool.str(); });
    if (pool == picture_.pools.end()) return;
    const auto& checkpoint = picture_.checkpoints[workload];
    if (checkpoint && !can_save(job, *checkpoint)) return;
    ensure_ranks_service(work, job);
    confirm_earlier_over(work, job, placement.attempt,
                         picture_.training_children[workload].earlier);
    if (!checkpoint) {
      work.writes.emplace_back(
          CreateChild{kube::kJobs, attempt_job(job, placement, **pool), job.meta.uid});
      return;
    }
    const Secret token = job_token(reconciler_.support_.token_key, job.meta.uid);
    work.writes.emplace_back(CreateOnce{kube::kSecrets, token_secret(job, token)});
    const StoreConfig& store = checkpoint->store->config;
    if (!store.authorities.empty())
      work.writes.emplace_back(CreateOnce{kube::kSecrets, authorities_object(job, store)});
    api::TrainingJob decided = job;
    decided.status = status;
    const CheckpointWiring wiring{.store = &store, .agent = reconciler_.support_.agent};
    work.writes.emplace_back(
        CreateChild{kube::kJobs, attempt_job(decided, placement, **pool, &wiring), job.meta.uid});
  }

  // Without its store, or the agent, an attempt would run and save nothing; its condition says what
  // to fix.
  [[nodiscard]] bool can_save(const api::TrainingJob& job,
                              const TrainingCheckpoint& checkpoint) const {
    const bool agent_missing = job.spec.checkpoint->mode == api::CheckpointMode::kAgent &&
                               reconciler_.support_.agent.image.empty();
    return checkpoint.store != nullptr && !agent_missing && !reconciler_.support_.token_key.empty();
  }

  // Two attempts must never be alive together, whatever a lagging cache does not show.
  static void confirm_earlier_over(Work& work, const api::TrainingJob& job, AttemptNumber attempt,
                                   const std::vector<Shared<kube::Job>>& earlier) {
    const AttemptNumber before = attempt - AttemptNumber(1);
    if (before < AttemptNumber(1)) return;
    const bool known_over = std::ranges::any_of(earlier, [&](const Shared<kube::Job>& other) {
      return decided_attempt(*other) == before && other->terminal() && !other->meta.deleted_at;
    });
    if (!known_over) confirm_over(work, job, before);
  }

  static void confirm_over(Work& work, const api::TrainingJob& job, AttemptNumber attempt) {
    work.writes.emplace_back(ConfirmAttemptOver{
        {job.meta.key.ns, attempt_job_name(job.meta.key.name, attempt)}, job.meta.uid});
  }

  // What ended while nobody could take the finalizer away with it.
  void let_go(const api::TrainingJob& job) {
    if (reconciler_.observe_ || !job.holds_deletion || wants_deletion_held(job, job.status)) return;
    Work work{.subject = reference_to("TrainingJob", job.meta)};
    hold_deletion(work, job, false);
    add(std::move(work));
  }

  // ttlSecondsAfterFinished: the job object goes, and the garbage collector takes what it owns.
  void expire(const api::TrainingJob& job) {
    if (reconciler_.observe_ || job.meta.deleted_at || !job.spec.ttl_seconds_after_finished ||
        !job.status.finished_at)
      return;
    const Instant at =
        *job.status.finished_at + std::chrono::seconds(*job.spec.ttl_seconds_after_finished);
    if (at > now_) {
      result_.wake_at = earlier(result_.wake_at, at);
      return;
    }
    Work work{.subject = reference_to("TrainingJob", job.meta)};
    work.writes.emplace_back(
        ConfirmCurrent{kTrainingJobs, job.meta.key, job.meta.resource_version});
    work.writes.emplace_back(
        DeleteObject{kTrainingJobs, job.meta.key, job.meta.uid, kube::Propagation::kBackground});
    add(std::move(work));
  }

  Reconciler& reconciler_;
  const World& world_;
  const Picture& picture_;
  const plan::Plan& plan_;
  const PoolMemory& memory_;
  const TroubleOf& trouble_of_;
  Instant now_;
  Reconciliation result_;
};

Reconciliation Reconciler::reconcile(const World& world, const Picture& picture,
                                     const plan::Plan& plan, const PoolMemory& memory,
                                     const TroubleOf& trouble_of, Instant now) {
  return Pass(*this, world, picture, plan, memory, trouble_of, now).run();
}

}  // namespace spillway::control
