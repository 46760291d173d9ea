#pragma once
// What an agent is told, all by its environment: the operator injects it (api/agent_protocol.h
// names the variables). Wrong or missing variables are one clear sentence each.

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <spillway/cloud/credentials.h>
#include <spillway/core/ids.h>
#include <spillway/core/object.h>
#include <spillway/storage/checkpoint.h>
#include <spillway/storage/s3.h>
#include <spillway/storage/transfer.h>

namespace spillway::agent {

struct StoreSettings {
  storage::S3Config s3;
  std::string credentials = "environment";  // or "web-identity", "container", a folder
  std::string ca_bundle;                    // PEM; empty = the system's
};

struct SignalTrigger {
  int number = 0;
  std::string name;
};
struct HttpTrigger {
  cloud::Url url;  // on localhost
};
struct FileTrigger {
  std::string path;
};
using Trigger = std::variant<std::monostate, SignalTrigger, HttpTrigger, FileTrigger>;
// "signal:SIGUSR1", "http:8080/checkpoint", "file:/path", "".
Result<Trigger> parse_trigger(std::string_view text);

struct JobSettings {
  ObjectKey job;
  Uid uid;
  AttemptNumber attempt;
  storage::Rank rank;   // of this pod among those that save; index >= world_size: it saves nothing
  storage::Key prefix;  // of the job in the bucket; of a replica that retries alone, its own
  std::optional<storage::Retry> retry;  // of a replica that retries alone
  std::string directory;
  storage::CheckpointFormat format = storage::CheckpointFormat::kManifest;
  storage::TransferOptions transfer;  // what the process has besides its control thread

  // Below which the pod writes.
  [[nodiscard]] storage::Key writer_prefix() const {
    const storage::Key of_attempt = storage::attempt_prefix(prefix, attempt);
    return retry ? storage::retry_prefix(of_attempt, *retry) : of_attempt;
  }
};

struct SyncSettings {
  StoreSettings store;
  JobSettings job;
  Trigger trigger;
  Secret token;
  // What `restore` put there is not new. Of a replica that retries alone it says so in its file.
  std::optional<storage::TrainingStep> resumed_at;
};
Result<SyncSettings> read_sync_settings(const cloud::EnvironmentLookup& lookup);

struct RestoreSettings {
  StoreSettings store;
  JobSettings job;
  // nullopt: the job begins at its beginning; a replica that retries alone finds it itself.
  std::optional<storage::S3Uri> from;
  std::optional<storage::TrainingStep> step;
  AttemptNumber written_by;  // the checkpoint `from`; 0: not told
};
Result<RestoreSettings> read_restore_settings(const cloud::EnvironmentLookup& lookup);

}  // namespace spillway::agent
