#include <spillway/control/checkpoint_book.h>

#include <algorithm>
#include <utility>

#include <spillway/core/check.h>
#include <spillway/core/log.h>

namespace spillway::control {
namespace {

bool same(const std::optional<storage::FoundCheckpoint>& a,
          const std::optional<storage::FoundCheckpoint>& b) {
  if (a.has_value() != b.has_value()) return false;
  return !a || (a->candidate.folder == b->candidate.folder &&
                a->judgement.validity == b->judgement.validity &&
                a->judgement.reason == b->judgement.reason &&
                a->judgement.committed_at == b->judgement.committed_at);
}

}  // namespace

CheckpointBook::CheckpointBook(Runtime runtime, TaskGroup& tasks, std::function<void()> changed,
                               Options options)
    : runtime_(runtime),
      tasks_(tasks),
      changed_(std::move(changed)),
      options_(options),
      wake_(runtime.timers) {}

void CheckpointBook::want(std::vector<CheckpointTarget> targets) {
  const MonotonicTime now = runtime_.clock.monotonic();
  std::map<Whose, Entry> wanted;
  bool sooner = false;
  for (CheckpointTarget& target : targets) {
    const Whose whose{target.job, target.replica};
    const auto known = entries_.find(whose);
    Entry entry = known == entries_.end() ? Entry{.due = now} : std::move(known->second);
    const bool has_ended = target.ended.value() > 0 && target.ended != entry.target.ended;
    if (target.may_still_write || has_ended) entry.last_writers = now;
    const bool stale = entry.last_writers && !target.may_still_write &&
                       (!entry.succeeded || *entry.succeeded <= *entry.last_writers);
    if (entry.failures == 0) {
      const MonotonicTime due = stale ? now : std::min(entry.due, now + target.every);
      sooner = sooner || due < entry.due || known == entries_.end();
      entry.due = due;
    }
    entry.target = std::move(target);
    wanted.emplace(whose, std::move(entry));
  }
  entries_ = std::move(wanted);
  if (sooner) wake_.notify();
}

const FoundCheckpoints* CheckpointBook::find(const Uid& job,
                                             std::optional<ReplicaIndex> replica) const {
  const auto at = entries_.find({job, replica});
  return at == entries_.end() ? nullptr : &at->second.found;
}

plan::StoreSight CheckpointBook::sight(const Uid& job, AttemptNumber ended,
                                       bool may_still_write) const {
  const auto at = entries_.find({job, std::nullopt});
  if (at == entries_.end()) return plan::StoreSight::kBehind;
  const Entry& entry = at->second;
  const bool knows_end = ended.value() == 0 || entry.target.ended == ended;
  const bool good = entry.succeeded && !may_still_write && knows_end &&
                    (!entry.last_writers || *entry.succeeded > *entry.last_writers);
  if (good && !entry.found.uncertain) return plan::StoreSight::kCurrent;
  return entry.failures > 0 || (good && entry.found.uncertain) ? plan::StoreSight::kUnreadable
                                                               : plan::StoreSight::kBehind;
}

Task<void> CheckpointBook::run() {
  while (!stopping_) {
    const MonotonicTime next = start_due();
    co_await wake_.wait(next);
  }
}

void CheckpointBook::stop() {
  stopping_ = true;
  wake_.notify();
}

// Starts what is due, the longest due first; returns when the next is.
MonotonicTime CheckpointBook::start_due() {
  const MonotonicTime now = runtime_.clock.monotonic();
  MonotonicTime next = MonotonicTime::max();
  std::vector<std::pair<MonotonicTime, Whose>> due;
  for (const auto& [whose, entry] : entries_) {
    if (entry.looking) continue;
    if (entry.due <= now) {
      due.emplace_back(entry.due, whose);
    } else {
      next = std::min(next, entry.due);
    }
  }
  std::ranges::sort(due);
  for (const auto& [at, whose] : due) {
    if (looking_ >= options_.max_looks) break;  // an end of one wakes us
    ++looking_;
    Entry& entry = entries_.at(whose);
    entry.looking = true;
    tasks_.spawn(entry.target.erase ? erase(whose) : look(whose));
  }
  return next;
}

Task<void> CheckpointBook::look(Whose whose) {
  const CheckpointTarget target = entries_.at(whose).target;
  const MonotonicTime began = runtime_.clock.monotonic();
  ++metrics_.looks;
  auto result = co_await storage::find_newest_valid(runtime_, *target.store->objects, target.prefix,
                                                    target.format, target.expectation);
  --looking_;
  const bool found_all = result.has_value();
  const auto at = entries_.find(whose);
  if (at != entries_.end()) {
    at->second.looking = false;
    note(at->second, std::move(result), began);
  }
  wake_.notify();
  if (found_all && target.pruning && !stopping_) co_await prune(target, *target.pruning);
}

void CheckpointBook::note(Entry& entry, Result<storage::SearchResult> result, MonotonicTime began) {
  const MonotonicTime now = runtime_.clock.monotonic();
  const FoundCheckpoints before = entry.found;
  const bool first = !entry.succeeded;
  if (!result) {
    note_failure(entry, result.error());
  } else {
    entry.failures = 0;
    entry.due = now + entry.target.every;
    entry.succeeded = began;
    FoundCheckpoints found{.looked = true, .newest = result->newest};
    if (!result->passed_over.empty()) found.passed_over = result->passed_over.front();
    found.uncertain = result->uncertain();
    const bool taken = entry.target.allow_unverified && found.passed_over &&
                       found.passed_over->judgement.validity == storage::Validity::kUnknown;
    if (taken) {
      found.newest = std::exchange(found.passed_over, std::nullopt);
      found.uncertain = false;
    }
    entry.found = std::move(found);
  }
  const bool news = first || entry.found.trouble != before.trouble ||
                    !same(entry.found.newest, before.newest) ||
                    !same(entry.found.passed_over, before.passed_over) ||
                    (entry.last_writers && !entry.target.may_still_write);
  if (news) changed_();
}

void CheckpointBook::note_failure(Entry& entry, const Error& error) {
  ++metrics_.failures;
  Duration delay = options_.retry_base;
  for (int i = 0; i < entry.failures && delay < options_.retry_cap; ++i)
    delay *= 2;
  ++entry.failures;
  entry.due = runtime_.clock.monotonic() + std::min(delay, options_.retry_cap);
  entry.found.trouble = error.message;
}

// A failure, or the end of the process, leaves the rest to the next look.
Task<void> CheckpointBook::erase(Whose whose) {
  const CheckpointTarget target = entries_.at(whose).target;
  ++metrics_.looks;
  const auto removed = co_await remove_all(target);
  --looking_;
  const auto at = entries_.find(whose);
  if (at != entries_.end()) {
    Entry& entry = at->second;
    entry.looking = false;
    if (removed) {
      entry.found.erased = true;
      entry.found.trouble.clear();
      entry.failures = 0;
      entry.due = runtime_.clock.monotonic() + target.every;
    } else {
      note_failure(entry, removed.error());
    }
    changed_();
  }
  wake_.notify();
}

Task<Result<void>> CheckpointBook::remove_all(const CheckpointTarget& target) {
  // Only what is the job's own: its uid is part of the prefix.
  SPILLWAY_CHECK(target.prefix.str().ends_with("/" + target.job.str() + "/"));
  storage::ObjectStore& objects = *target.store->objects;
  TRY_CO(listing, co_await objects.list({.prefix = target.prefix}));
  for (const storage::ObjectInfo& object : listing.objects) {
    if (stopping_) co_return fail(ErrorCode::kCancelled, "stopping");
    TRY_VOID_CO(co_await objects.remove(object.key));
    ++metrics_.erased;
  }
  TRY_CO(uploads, co_await objects.open_uploads(target.prefix));
  for (const storage::OpenUpload& upload : uploads) {
    if (stopping_) co_return fail(ErrorCode::kCancelled, "stopping");
    TRY_VOID_CO(co_await objects.abort_upload(upload.key, upload.id));
  }
  co_return Result<void>();
}

// Removes what is older than what is to stay, the marker first. A failure is tried again with the
// next look.
Task<void> CheckpointBook::prune(CheckpointTarget target, CheckpointTarget::Pruning pruning) {
  storage::ObjectStore& objects = *target.store->objects;
  auto valid = co_await storage::list_valid(runtime_, objects, target.prefix, target.format,
                                            target.expectation);
  if (!valid) co_return;
  const auto old = storage::prunable(*valid, pruning.keep, pruning.in_use);
  for (const storage::Candidate& candidate : old) {
    if (stopping_) co_return;
    const auto removed = co_await storage::remove_checkpoint(objects, target.format, candidate);
    if (!removed) {
      ++metrics_.prune_failures;
      log::warning("an old checkpoint could not be removed",
                   {{"folder", candidate.folder.str()}, {"error", removed.error().message}});
      co_return;
    }
    ++metrics_.pruned;
    log::info("an old checkpoint was removed", {{"folder", candidate.folder.str()}});
  }
}

}  // namespace spillway::control
