#pragma once
// The role `sync`: a sidecar that uploads each finished checkpoint of a directory, and makes the
// program save when the operator asks.
//
//   Received ──program asked──> Saving ──newer files finished──> Uploading ──manifest──> Saved
//       └───────────── deadline, or a later attempt has begun ──────────────────> Failed
//
// Uploads go one after another, the newest first; what became old meanwhile is passed over. Of
// several writers each prefers a step that another one has committed already: else ranks that save
// often would upload different steps for ever, and none would be complete. After SIGTERM (stop())
// it uploads what is finished and not there yet, and ends.

#include <optional>
#include <set>

#include "save_requests.h"
#include "settings.h"
#include "trigger.h"
#include "uploader.h"

namespace spillway::agent {

struct SyncTimes {
  Duration look = std::chrono::seconds(2);  // between two looks at the directory
  Duration look_while_saving = std::chrono::milliseconds(200);
  // After a request was met: ranks that were asked one after the other may save once more.
  Duration look_closely = std::chrono::seconds(10);
  Duration ask_again = std::chrono::seconds(1);          // when the program was not reached
  Duration others_longest = std::chrono::minutes(1);     // between two looks for their steps
  Duration pause_after_error = std::chrono::seconds(5);  // of an upload
};

class Sync {
 public:
  Sync(Runtime runtime, SyncSettings settings, storage::ObjectStore& store, cloud::HttpClient& http,
       SyncTimes times = {});

  // Returns after stop() and the last upload.
  Task<void> run();
  void stop();  // the pod ends

  ServerAnswer answer(const ServerRequest& request);
  [[nodiscard]] const AgentStatus& status() const { return status_; }

 private:
  Task<void> pass();
  Task<void> announce();
  Task<void> ask();
  Task<void> upload(LocalCheckpoint checkpoint);
  Task<std::optional<LocalCheckpoint>> next_upload(LocalSight sight);
  Task<std::set<storage::TrainingStep>> steps_of_others();
  void note_commit(const LocalCheckpoint& checkpoint, const Committed& committed);
  void note_failure(const Error& error);
  void expire();
  void fail_request(std::string message);
  // The open request that the checkpoint answers; nullptr when there is none.
  [[nodiscard]] SaveRequest* answered_by(const LocalCheckpoint& checkpoint);
  [[nodiscard]] Duration pause() const;

  Runtime runtime_;
  SyncSettings settings_;
  storage::ObjectStore& store_;
  cloud::HttpClient& http_;
  SyncTimes times_;
  Uploader uploader_;
  Signal wake_;
  AgentStatus status_;
  std::set<storage::TrainingStep> uploaded_;             // committed; of those in the directory
  std::optional<storage::TrainingStep> before_request_;  // newest finished when it came
  std::optional<MonotonicTime> ask_at_;
  MonotonicTime look_closely_until_{};
  MonotonicTime others_at_{};  // when to look for steps of others again
  Duration others_pause_{};
  std::string last_problem_;  // logged once, not every pass
  bool announced_ = false;
  bool fenced_ = false;
  bool failing_ = false;  // the last upload did
  bool stopping_ = false;
};

}  // namespace spillway::agent
