#include "sync.h"

#include <malloc.h>

#include <algorithm>

#include <spillway/core/log.h>

namespace spillway::agent {

Sync::Sync(Runtime runtime, SyncSettings settings, storage::ObjectStore& store,
           cloud::HttpClient& http, SyncTimes times)
    : runtime_(std::move(runtime)),
      settings_(std::move(settings)),
      store_(store),
      http_(http),
      times_(times),
      uploader_(runtime_, store_, settings_.job),
      wake_(runtime_.timers) {
  status_.attempt = settings_.job.attempt;
  status_.rank = settings_.job.rank.index;
}

ServerAnswer Sync::answer(const ServerRequest& request) {
  Answered answered = answer_request(request, settings_.token, status_, runtime_.clock.now());
  if (answered.changed && status_.request) {
    // What is finished by now does not answer this request.
    const auto sight = look_at_directory(settings_.job.directory, settings_.job.format);
    before_request_.reset();
    if (sight && !sight->finished.empty()) before_request_ = sight->finished.front().step;
    ask_at_ = runtime_.clock.monotonic();
    log::info("the operator asks for a checkpoint",
              {{"request", status_.request->id}, {"reason", status_.request->reason}});
    wake_.notify();
  }
  return answered.answer;
}

void Sync::stop() {
  stopping_ = true;
  wake_.notify();
}

Task<void> Sync::run() {
  while (!stopping_) {
    co_await pass();
    if (stopping_) break;
    co_await wake_.wait(runtime_.clock.monotonic() + pause());
  }
  // The program has ended: what it left is final. The kubelet's grace bounds this.
  for (int tries = 0; tries < 3 && !fenced_; ++tries) {
    co_await pass();
    if (!failing_) break;
  }
}

Duration Sync::pause() const {
  const bool saving = (status_.request && status_.request->open()) ||
                      runtime_.clock.monotonic() < look_closely_until_;
  if (failing_ && !saving) return times_.pause_after_error;
  return saving ? times_.look_while_saving : times_.look;
}

Task<void> Sync::pass() {
  expire();
  if (fenced_) co_return;
  co_await announce();
  co_await ask();
  auto sight = look_at_directory(settings_.job.directory, settings_.job.format);
  if (!sight) {
    note_failure(sight.error());
    co_return;
  }
  failing_ = false;
  const bool news = !sight->unfinished.empty() && sight->unfinished != last_problem_;
  if (news) log::debug("the newest folder is not finished", {{"why", sight->unfinished}});
  auto next = co_await next_upload(*std::move(sight));
  if (next) co_await upload(*std::move(next));
}

Task<void> Sync::announce() {
  if (announced_) co_return;
  const auto announced = co_await uploader_.announce();
  announced_ = announced.has_value();
  if (!announced) note_failure(announced.error());
}

Task<void> Sync::ask() {
  const bool due = ask_at_ && *ask_at_ <= runtime_.clock.monotonic() && status_.request &&
                   status_.request->open();
  if (!due) co_return;
  const std::string id = status_.request->id;
  const auto asked = co_await ask_program(settings_.trigger, id, http_);
  if (!status_.request || status_.request->id != id || !status_.request->open()) co_return;
  if (asked) {
    ask_at_.reset();
    if (status_.request->state == RequestState::kReceived) {
      status_.request->state = RequestState::kSaving;
    }
    status_.request->message.clear();
    co_return;
  }
  status_.request->message = asked.error().message;
  ask_at_ = runtime_.clock.monotonic() + times_.ask_again;
}

// What this pod may still bring: steps behind its newest one only where others wait for it there.
Task<std::optional<LocalCheckpoint>> Sync::next_upload(LocalSight sight) {
  const storage::Rank& rank = settings_.job.rank;
  if (rank.index >= rank.world_size) co_return std::nullopt;
  // What this attempt began with is in the store, under the attempt that wrote it.
  const auto known = [this](const LocalCheckpoint& checkpoint) {
    return uploaded_.contains(checkpoint.step) ||
           (settings_.resumed_at && checkpoint.step <= *settings_.resumed_at);
  };
  const bool news = !sight.finished.empty() && !known(sight.finished.front());
  std::set<storage::TrainingStep> there;
  for (const LocalCheckpoint& checkpoint : sight.finished)
    there.insert(checkpoint.step);
  std::erase_if(uploaded_, [&](storage::TrainingStep step) { return !there.contains(step); });
  std::erase_if(sight.finished, known);
  if (sight.finished.empty()) co_return std::nullopt;
  if (news) others_pause_ = Duration(0);
  const bool look =
      rank.world_size > 1 && there.size() > 1 && (news || runtime_.clock.monotonic() >= others_at_);
  if (look) {
    others_pause_ = std::clamp(others_pause_ * 2, times_.look, times_.others_longest);
    others_at_ = runtime_.clock.monotonic() + others_pause_;
    const auto others = co_await steps_of_others();
    for (LocalCheckpoint& checkpoint : sight.finished) {
      if (others.contains(checkpoint.step)) co_return std::move(checkpoint);
    }
  }
  if (!news) co_return std::nullopt;
  co_return std::move(sight.finished.front());
}

// Steps of this attempt that are newer than the newest complete one and that some rank committed.
Task<std::set<storage::TrainingStep>> Sync::steps_of_others() {
  std::set<storage::TrainingStep> steps;
  storage::ListRequest request{.prefix = settings_.job.writer_prefix()};
  const auto listing = co_await store_.list(std::move(request));
  if (!listing) co_return steps;  // then the newest goes first; the upload meets the same error
  for (const storage::Candidate& candidate :
       storage::find_candidates(settings_.job.prefix, listing->objects)) {
    const auto manifests = std::count_if(
        candidate.files.begin(), candidate.files.end(), [](const storage::ObjectInfo& file) {
          return storage::parse_manifest_name(file.key.str()).has_value();
        });
    if (manifests >= settings_.job.rank.world_size) break;  // older ones do not count any more
    if (manifests > 0) steps.insert(candidate.step);
  }
  co_return steps;
}

SaveRequest* Sync::answered_by(const LocalCheckpoint& checkpoint) {
  if (!status_.request || !status_.request->open()) return nullptr;
  const bool newer_step = !before_request_ || checkpoint.step > *before_request_;
  const bool answers = newer_step || checkpoint.finished_at >= status_.request->received_at;
  return answers ? &*status_.request : nullptr;
}

Task<void> Sync::upload(LocalCheckpoint checkpoint) {
  if (SaveRequest* request = answered_by(checkpoint)) request->state = RequestState::kUploading;
  const auto committed = co_await uploader_.upload(checkpoint);
  if (committed) {
    note_commit(checkpoint, *committed);
  } else {
    note_failure(committed.error());
  }
  // The chunks of an upload would stay with the allocator; a sidecar lies idle most of its life.
  ::malloc_trim(0);
}

void Sync::note_commit(const LocalCheckpoint& checkpoint, const Committed& committed) {
  last_problem_.clear();
  uploaded_.insert(committed.step);
  if (status_.saved && status_.saved->step > committed.step) return;  // brought for the others
  SavedCheckpoint& saved = status_.saved.emplace(
      SavedCheckpoint{.step = committed.step,
                      .uri = storage::to_string({settings_.store.s3.bucket, committed.folder}),
                      .bytes = committed.bytes,
                      .saved_at = committed.committed_at,
                      .upload_time = committed.upload_time});
  log::info("a checkpoint is in the store",
            {{"step", committed.step.value()},
             {"bytes", committed.bytes.value()},
             {"upload_ms", static_cast<std::int64_t>(committed.upload_time.count())}});
  SaveRequest* request = answered_by(checkpoint);
  if (request == nullptr) return;
  saved.save_time = std::max(Duration(0), checkpoint.finished_at - request->received_at);
  request->state = RequestState::kSaved;
  request->message.clear();
  ask_at_.reset();
  look_closely_until_ = runtime_.clock.monotonic() + times_.look_closely;
}

void Sync::note_failure(const Error& error) {
  failing_ = true;
  if (error.code == ErrorCode::kFenced) {
    fenced_ = true;
    fail_request(error.message);
  }
  if (status_.request && status_.request->open()) status_.request->message = error.message;
  if (error.message != last_problem_) {
    log::warning("a checkpoint could not be brought to the store", {{"error", error.message}});
  }
  last_problem_ = error.message;
}

void Sync::expire() {
  if (!status_.request || !status_.request->open()) return;
  if (runtime_.clock.now() < status_.request->deadline) return;
  const std::string& why = status_.request->message;
  fail_request("no newer checkpoint was in the store at the deadline" +
               (why.empty() ? std::string() : ": " + why));
}

void Sync::fail_request(std::string message) {
  ask_at_.reset();
  if (!status_.request || !status_.request->open()) return;
  status_.request->state = RequestState::kFailed;
  status_.request->message = std::move(message);
  log::warning("the requested checkpoint is not there", {{"why", status_.request->message}});
}

}  // namespace spillway::agent
