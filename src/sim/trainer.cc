#include <spillway/sim/trainer.h>

#include <spillway/api/agent_protocol.h>
#include <spillway/control/keys.h>
#include <spillway/control/world.h>

#include "json_fields.h"

namespace spillway::sim {
namespace {

using nlohmann::json;

constexpr const char* kIndex = "batch.kubernetes.io/job-completion-index";
constexpr const char* kRunSeconds = "simulate.spillway.dev/run-seconds";
constexpr const char* kExitCode = "simulate.spillway.dev/exit-code";
constexpr std::int64_t kUsualSteps = 3600;  // as saving_programs.cc takes a job that states none

// metadata.labels or metadata.annotations; "" when it is not there.
std::string meta_text(const json& object, const char* map, std::string_view key) {
  return string_in(object, "metadata", map, key);
}

// SPILLWAY_RESUME_STEP of any container; 0 without.
std::int64_t resume_step_of(const json& pod) {
  for (const char* list : {"initContainers", "containers"}) {
    for (const json& container : pod.at("spec").value(list, json::array())) {
      for (const json& entry : container.value("env", json::array())) {
        if (entry.value("name", "") == api::agent::environment::kResumeStep)
          return std::stoll(entry.value("value", "0"));
      }
    }
  }
  return 0;
}

}  // namespace

Trainer::Trainer(VirtualTime& time, ApiServer& server, Kubelets& kubelets, Duration assumed)
    : Model(time, server, "trainer", Duration(0)), kubelets_(kubelets), assumed_(assumed) {
  server.listen([this](const Change& change) { note(change); });
}

TrainingProgress Trainer::progress_of(const ObjectKey& job) const {
  const auto program = programs_.find(job);
  return program == programs_.end() ? TrainingProgress{} : program->second.progress;
}

void Trainer::settle() {
  for (auto& [key, run] : runs_) {
    if (!run.since) continue;
    Program& program = programs_.at(key.job);
    const auto ranks = static_cast<std::int64_t>(run.running.size() + run.succeeded.size());
    program.progress.rank_time_run += (time_.monotonic() - *run.since) * ranks;
    run.since = time_.monotonic();
  }
}

void Trainer::note(const Change& change) {
  if (change.type == control::kTrainingJobs) note_job(change);
  if (change.type == kube::kPods) note_pod(change);
}

void Trainer::note_job(const Change& change) {
  if (change.kind != ChangeKind::kAdded) return;
  const json& spec = change.object->at("spec");
  Program& program = programs_[change.key];
  program.progress.replicas = spec.value("replicas", std::int64_t{1});
  program.gang = spec.value("gang", true);
  program.work = parse_duration(spec.value("duration", "")).value_or(assumed_);
  for (const json& model : list_in(spec, "accelerator", "models"))
    program.speed_percent[model.at("name")] = model.value("speedPercent", std::int64_t{100});
  const json& annotations = map_in(spec, "template", "metadata", "annotations");
  program.saves = spec.contains("checkpoint");
  program.ended_by_others = program.saves || annotations.contains(kRunSeconds);
  program.total_steps = std::max<std::int64_t>(spec.value("totalSteps", kUsualSteps), 1);
  program.exit_code = std::stoi(annotations.value(kExitCode, "0"));
}

void Trainer::note_pod(const Change& change) {
  const json& pod = *change.object;
  const std::string name = meta_text(pod, "labels", control::label::kTrainingJob);
  if (name.empty()) return;
  const ObjectKey job{.ns = change.key.ns, .name = ObjectName(name)};
  const auto program = programs_.find(job);
  if (program == programs_.end()) return;
  const RunKey key{.job = job,
                   .attempt = meta_text(pod, "labels", control::label::kAttempt),
                   .index = program->second.gang ? "" : meta_text(pod, "annotations", kIndex)};
  Run& run = runs_[key];
  const std::string_view phase = phase_in(pod);
  const bool gone = change.kind == ChangeKind::kDeleted || is_deleting(pod);
  if (phase == "Succeeded") {
    run.running.erase(change.key);
    if (!gone) run.succeeded.insert(change.key);
  } else if (phase == "Running" && !gone) {
    run.running.insert(change.key);
  } else if (run.running.erase(change.key) > 0 && run.since && !run.ending) {
    stop(key, run, true);
  }
  const std::int64_t ranks = program->second.gang ? program->second.progress.replicas : 1;
  if (static_cast<std::int64_t>(run.running.size()) == ranks && !run.since && !run.ending)
    begin(key, run, pod);
  if (run.since && static_cast<std::int64_t>(run.succeeded.size()) == ranks) stop(key, run, false);
  if (run.running.empty() && (run.succeeded.empty() || gone)) runs_.erase(key);
}

void Trainer::begin(const RunKey& key, Run& run, const json& pod) {
  Program& program = programs_.at(key.job);
  run.since = time_.monotonic();
  run.speed_percent = speed_on(program, meta_text(pod, "labels", control::label::kPool));
  ++run.starts;
  if (!program.progress.first_started) program.progress.first_started = time_.now();
  // What a replica that retries alone begins with stands in the store, not in its pod.
  if (program.saves && program.gang) {
    const std::int64_t ranks = program.progress.replicas;
    run.begun_with = program.work * resume_step_of(pod) / program.total_steps;
    const Duration again = std::max(program.reached - run.begun_with, Duration(0));
    program.progress.rank_time_lost += again * 100 / run.speed_percent * ranks;
  }
  if (program.ended_by_others) return;
  time_.after(program.work * 100 / run.speed_percent,
              [this, key, start = run.starts] { finish(key, start); });
}

std::int64_t Trainer::speed_on(const Program& program, const std::string& pool) const {
  const Object there = server_.find(control::kCapacityPools, {.ns = {}, .name = ObjectName(pool)});
  const std::string model =
      there ? string_in(*there, "spec", "accelerator", "model") : std::string();
  const auto speed = program.speed_percent.find(model);
  return speed == program.speed_percent.end() ? 100 : std::max<std::int64_t>(speed->second, 1);
}

void Trainer::stop(const RunKey& key, Run& run, bool in_vain) {
  Program& program = programs_.at(key.job);
  const std::int64_t ranks = program.gang ? program.progress.replicas : 1;
  const Duration ran = time_.monotonic() - *run.since;
  program.progress.rank_time_run += ran * ranks;
  if (program.saves)
    program.reached = run.begun_with + ran * run.speed_percent / 100;
  else if (in_vain)
    program.progress.rank_time_lost += ran * ranks;
  run.since.reset();
  ++run.starts;  // the end that was planned is none any more
}

void Trainer::finish(const RunKey& key, std::uint64_t start) {
  const auto found = runs_.find(key);
  if (found == runs_.end() || found->second.starts != start || !found->second.since) return;
  const int exit_code = programs_.at(key.job).exit_code;
  found->second.ending = true;
  stop(key, found->second, exit_code != 0);
  const std::set<ObjectKey> ranks = found->second.running;  // what follows may end the run
  for (const ObjectKey& rank : ranks)
    kubelets_.end_program(rank, exit_code);
}

}  // namespace spillway::sim
