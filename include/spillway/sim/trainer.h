#pragma once
// The programs of training jobs: they compute while all ranks of the gang run, at the speed of the
// pool's accelerator, and end when spec.duration of the first-listed model is done. A rank that
// goes stops the others; what was computed since the start of the attempt is lost.
//
// A job with spec.checkpoint is left to the programs that save (saving_programs.h), and only
// watched: what it lost is what its next attempt does again after the step it resumed from (of
// replicas that retry alone nothing is told of that, and nothing counted as lost). So is a template
// with the annotation simulate.spillway.dev/run-seconds, which the kubelet ends (kubelets.h).

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include <spillway/sim/kubelets.h>

namespace spillway::sim {

// Of one job, over all of its attempts. Rank time: a gang of four that runs for an hour adds four
// hours, and so do four replicas that live alone and run for an hour each.
struct TrainingProgress {
  std::optional<Instant> first_started;  // every rank ran
  Duration rank_time_run{};
  Duration rank_time_lost{};  // of it: done again, or in vain
  std::int64_t replicas = 1;
};

class Trainer final : public Model {
 public:
  // `assumed` stands for a duration that is not stated. Everything referred to outlives the
  // trainer.
  Trainer(VirtualTime& time, ApiServer& server, Kubelets& kubelets, Duration assumed);
  // Nothing has run of a job that is not known.
  [[nodiscard]] TrainingProgress progress_of(const ObjectKey& job) const;
  // Counts what runs right now up to this instant; for the end of a run.
  void settle();

 private:
  struct Program {
    TrainingProgress progress;
    bool gang = true;
    bool ended_by_others = false;  // by the kubelet, or by the programs that save
    bool saves = false;
    std::int64_t total_steps = 1;
    Duration work{};                                    // on the first-listed model
    Duration reached{};                                 // of it, when the last attempt stopped
    std::map<std::string, std::int64_t> speed_percent;  // by model
    int exit_code = 0;
  };
  // A gang's attempt, or one replica of a job without gang.
  struct RunKey {
    ObjectKey job;
    std::string attempt;
    std::string index;  // "" for a gang
    friend auto operator<=>(const RunKey&, const RunKey&) = default;
  };
  struct Run {
    std::set<ObjectKey> running;
    std::set<ObjectKey> succeeded;
    std::optional<MonotonicTime> since;  // all ranks run
    Duration begun_with{};               // of the work, when it began
    std::int64_t speed_percent = 100;
    std::uint64_t starts = 0;
    bool ending = false;  // the program ends by itself
  };
  void note(const Change& change);
  void note_job(const Change& change);
  void note_pod(const Change& change);
  void sync(const ObjectKey&) override {}
  void begin(const RunKey& key, Run& run, const nlohmann::json& pod);
  void stop(const RunKey& key, Run& run, bool in_vain);
  void finish(const RunKey& key, std::uint64_t start);
  [[nodiscard]] std::int64_t speed_on(const Program& program, const std::string& pool) const;

  Kubelets& kubelets_;
  Duration assumed_;
  std::map<ObjectKey, Program> programs_;
  std::map<RunKey, Run> runs_;
};

}  // namespace spillway::sim
