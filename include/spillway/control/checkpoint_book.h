#pragma once
// What is known of the checkpoints in the stores: jobs' prefixes are listed and judged in the
// background, and a pass reads what was found. An error is never an answer: what was known before
// stands, and the sentence says what to fix.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <spillway/async/timers.h>
#include <spillway/control/stores.h>
#include <spillway/core/replica.h>
#include <spillway/plan/checkpointing.h>
#include <spillway/storage/checkpoint_search.h>

namespace spillway::control {

// What a pass wants looked at.
struct CheckpointTarget {
  Uid job;
  // One that retries alone, with its own prefix; nullopt: the job as a whole.
  std::optional<ReplicaIndex> replica;
  const Stores::Store* store = nullptr;  // never null; its `objects` neither; outlives the book
  storage::Key prefix;
  storage::CheckpointFormat format{};
  storage::Expectation expectation;
  bool allow_unverified = false;
  // The longest time between two looks; the first is made at once.
  Duration every = std::chrono::minutes(1);
  // Pods of an attempt that has ended are still there: they may yet write.
  bool may_still_write = false;
  // The attempt that ended last and whose successor has not begun; 0: none. What is listed before
  // this is known proves nothing about what the attempt wrote.
  AttemptNumber ended;
  // Of old checkpoints, `keep` are to stay and this one too; nullopt: nothing is removed.
  struct Pruning {
    std::int32_t keep = 3;
    std::optional<storage::Key> in_use;
  };
  std::optional<Pruning> pruning;
  // Everything below the prefix is removed instead of looked at: the job is deleted, its pods have
  // ended, and it said so (deletionPolicy Delete).
  bool erase = false;
};

struct FoundCheckpoints {
  bool looked = false;                             // at least once without an error
  std::optional<storage::FoundCheckpoint> newest;  // verified (or taken unverified), of the last
                                                   // look that succeeded
  // What is newer and does not count, with the reason.
  std::optional<storage::FoundCheckpoint> passed_over;
  bool uncertain = false;  // something newer is unknown: it may yet prove good
  std::string trouble;     // of the last look, when it failed
  bool erased = false;     // there is nothing below the prefix any more
};

struct CheckpointBookOptions {
  std::size_t max_looks = 64;  // under way
  Duration retry_base = std::chrono::seconds(1);
  Duration retry_cap = std::chrono::seconds(30);
};

struct CheckpointBookMetrics {
  std::uint64_t looks = 0;
  std::uint64_t failures = 0;
  std::uint64_t pruned = 0;
  std::uint64_t prune_failures = 0;
  std::uint64_t erased = 0;  // objects
};

// Control thread only.
class CheckpointBook {
 public:
  using Options = CheckpointBookOptions;
  // `changed` is called when a look has told something new. Everything outlives the book's tasks.
  CheckpointBook(Runtime runtime, TaskGroup& tasks, std::function<void()> changed,
                 Options options = {});

  // Once a pass: looks at these, forgets all others.
  void want(std::vector<CheckpointTarget> targets);
  // What was found; nullptr for a job that nothing is known of.
  [[nodiscard]] const FoundCheckpoints* find(const Uid& job) const { return find(job, {}); }
  [[nodiscard]] const FoundCheckpoints* find(const Uid& job,
                                             std::optional<ReplicaIndex> replica) const;
  // `ended` and `may_still_write` are what the target would have now. An attempt may have ended
  // since the last `want` together with all its pods: a look that began before its end was known
  // proves nothing about what it wrote.
  [[nodiscard]] plan::StoreSight sight(const Uid& job, AttemptNumber ended,
                                       bool may_still_write) const;

  // Starts looks as they become due, until stop().
  Task<void> run();
  void stop();
  [[nodiscard]] const CheckpointBookMetrics& metrics() const { return metrics_; }

 private:
  struct Entry {
    CheckpointTarget target;
    FoundCheckpoints found;
    bool looking = false;
    int failures = 0;
    MonotonicTime due{};
    std::optional<MonotonicTime> succeeded;     // when the last good look began
    std::optional<MonotonicTime> last_writers;  // when somebody could last write
  };
  using Whose = std::pair<Uid, std::optional<ReplicaIndex>>;
  Task<void> look(Whose whose);
  Task<void> erase(Whose whose);
  Task<Result<void>> remove_all(const CheckpointTarget& target);
  void note_failure(Entry& entry, const Error& error);
  void note(Entry& entry, Result<storage::SearchResult> result, MonotonicTime began);
  Task<void> prune(CheckpointTarget target, CheckpointTarget::Pruning pruning);
  MonotonicTime start_due();

  Runtime runtime_;
  TaskGroup& tasks_;
  std::function<void()> changed_;
  Options options_;
  std::map<Whose, Entry> entries_;
  std::size_t looking_ = 0;
  Signal wake_;
  CheckpointBookMetrics metrics_;
  bool stopping_ = false;
};

}  // namespace spillway::control
