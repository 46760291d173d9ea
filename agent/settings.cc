#include "settings.h"

#include <csignal>

#include <array>
#include <charconv>
#include <fstream>

#include <spillway/api/agent_protocol.h>
#include <spillway/core/text.h>

#include "resume_file.h"

namespace spillway::agent {
namespace {

namespace variables = api::agent::environment;
using cloud::EnvironmentLookup;

std::string optional_text(const EnvironmentLookup& lookup, std::string_view name) {
  const char* value = lookup(std::string(name).c_str());
  return value == nullptr ? std::string() : std::string(trim(value));
}

Result<std::string> text(const EnvironmentLookup& lookup, std::string_view name) {
  std::string value = optional_text(lookup, name);
  if (value.empty()) return invalid("the variable " + std::string(name) + " is not set");
  return value;
}

Result<std::int64_t> number(const EnvironmentLookup& lookup, std::string_view name,
                            std::int64_t otherwise) {
  const std::string value = optional_text(lookup, name);
  if (value.empty()) return otherwise;
  std::int64_t parsed = 0;
  const auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), parsed);
  if (failed != std::errc() || end != value.data() + value.size() || parsed < 0) {
    return invalid("the variable " + std::string(name) + " has to be a whole number, not '" +
                   shorten(value, 40) + "'");
  }
  return parsed;
}

Result<std::string> file_text(const std::string& path) {
  constexpr std::size_t kMaxBytes = std::size_t{1} << 20;
  std::ifstream in(path, std::ios::binary);
  std::string bytes(kMaxBytes + 1, '\0');
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  if (bytes.empty() || bytes.size() > kMaxBytes) {
    return invalid("the file " + path + " is absent, empty or longer than 1 MiB");
  }
  return bytes;
}

Result<StoreSettings> read_store(const EnvironmentLookup& lookup, const storage::S3Uri& job) {
  StoreSettings store;
  TRY(endpoint_text, text(lookup, variables::kStoreEndpoint));
  auto endpoint = cloud::parse_url(endpoint_text);
  if (!endpoint) return fail(endpoint.error().in(variables::kStoreEndpoint));
  store.s3.endpoint = *std::move(endpoint);
  store.s3.bucket = job.bucket;
  const std::string region = optional_text(lookup, variables::kStoreRegion);
  if (!region.empty()) store.s3.region = Region(region);
  const bool path = optional_text(lookup, variables::kStorePathStyle) == "true";
  store.s3.addressing = path ? storage::Addressing::kPath : storage::Addressing::kVirtualHost;
  TRY_VOID(storage::check(store.s3));
  const std::string credentials = optional_text(lookup, variables::kStoreCredentials);
  if (!credentials.empty()) store.credentials = credentials;
  const std::string ca = optional_text(lookup, variables::kStoreCa);
  if (!ca.empty()) {
    TRY(bundle, file_text(ca));
    store.ca_bundle = std::move(bundle);
  }
  return store;
}

Result<storage::S3Uri> checkpoint_uri(const EnvironmentLookup& lookup) {
  TRY(value, text(lookup, variables::kCheckpointUri));
  auto uri = storage::parse_s3_uri(value);
  if (!uri) return fail(uri.error().in(variables::kCheckpointUri));
  if (!uri->key.str().ends_with('/')) {
    return invalid(std::string(variables::kCheckpointUri) + " has to end with '/'");
  }
  return uri;
}

Result<storage::Rank> read_rank(const EnvironmentLookup& lookup) {
  TRY(rank, number(lookup, variables::kRank, 0));
  TRY(world_size, number(lookup, variables::kWorldSize, 1));
  TRY(writers, number(lookup, variables::kCheckpointWriters, world_size));
  if (world_size < 1 || world_size > 99'999 || rank >= world_size || writers < 1) {
    return invalid("RANK has to be below WORLD_SIZE, and both from 0 to 99999");
  }
  return storage::Rank{.index = static_cast<int>(rank),
                       .world_size = static_cast<int>(std::min(writers, world_size))};
}

Result<JobSettings> read_job(const EnvironmentLookup& lookup, const storage::S3Uri& uri) {
  JobSettings job;
  TRY(ns, text(lookup, variables::kJobNamespace));
  TRY(name, text(lookup, variables::kJobName));
  TRY(uid, text(lookup, variables::kJobUid));
  TRY(attempt, number(lookup, variables::kAttempt, 0));
  if (attempt < 1) return invalid(std::string(variables::kAttempt) + " has to be 1 or more");
  TRY(directory, text(lookup, variables::kCheckpointDirectory));
  if (!directory.starts_with('/')) {
    return invalid(std::string(variables::kCheckpointDirectory) + " has to begin with '/'");
  }
  TRY(rank, read_rank(lookup));
  const std::string format = optional_text(lookup, variables::kCheckpointFormat);
  if (!format.empty()) {
    TRY(parsed, storage::parse_checkpoint_format(format));
    job.format = parsed;
  }
  if (!optional_text(lookup, variables::kReplica).empty()) {
    TRY(retry_text, text(lookup, variables::kRetry));
    job.retry = storage::parse_retry(retry_text);
    if (!job.retry) {
      return invalid("the variable " + std::string(variables::kRetry) +
                     " has to be two numbers such as 1-0, not '" + shorten(retry_text, 40) + "'");
    }
  }
  job.job = {Namespace(std::move(ns)), ObjectName(std::move(name))};
  job.uid = Uid(std::move(uid));
  job.attempt = AttemptNumber(attempt);
  job.rank = rank;
  job.prefix = uri.key;
  job.directory = std::move(directory);
  return job;
}

Result<Trigger> parse_signal(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, int>, 5> kSignals{{{"SIGUSR1", SIGUSR1},
                                                                      {"SIGUSR2", SIGUSR2},
                                                                      {"SIGHUP", SIGHUP},
                                                                      {"SIGINT", SIGINT},
                                                                      {"SIGTERM", SIGTERM}}};
  for (const auto& [known, signal] : kSignals) {
    if (known == name) return SignalTrigger{.number = signal, .name = std::string(known)};
  }
  return invalid("'" + shorten(name, 40) + "' is not a signal to save at: write SIGUSR1");
}

}  // namespace

Result<Trigger> parse_trigger(std::string_view text) {
  if (text.empty()) return Trigger();
  const std::size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  const std::string_view rest = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  if (kind == "signal") return parse_signal(rest);
  if (kind == "http") {
    auto url = cloud::parse_url("http://127.0.0.1:" + std::string(rest));
    if (url) return HttpTrigger{.url = *std::move(url)};
  }
  if (kind == "file" && rest.starts_with('/')) return FileTrigger{.path = std::string(rest)};
  return invalid("'" + shorten(text, 80) +
                 "' is not a trigger: write signal:SIGUSR1, "
                 "http:8080/checkpoint or file:/path");
}

Result<SyncSettings> read_sync_settings(const EnvironmentLookup& lookup) {
  SyncSettings settings;
  TRY(uri, checkpoint_uri(lookup));
  TRY(store, read_store(lookup, uri));
  TRY(job, read_job(lookup, uri));
  TRY(trigger, parse_trigger(optional_text(lookup, variables::kTrigger)));
  TRY(token, text(lookup, variables::kToken));
  settings.store = std::move(store);
  settings.job = std::move(job);
  settings.trigger = std::move(trigger);
  settings.token = Secret(std::move(token));
  if (settings.job.retry) settings.resumed_at = resumed_step_in(settings.job.directory);
  if (!optional_text(lookup, variables::kResumeFrom).empty()) {
    TRY(step, number(lookup, variables::kResumeStep, -1));
    if (step >= 0) settings.resumed_at = storage::TrainingStep(step);
  }
  return settings;
}

Result<RestoreSettings> read_restore_settings(const EnvironmentLookup& lookup) {
  RestoreSettings settings;
  TRY(uri, checkpoint_uri(lookup));
  TRY(store, read_store(lookup, uri));
  TRY(job, read_job(lookup, uri));
  settings.store = std::move(store);
  settings.job = std::move(job);
  const std::string from = optional_text(lookup, variables::kResumeFrom);
  if (from.empty()) return settings;
  auto source = storage::parse_s3_uri(from);
  if (!source) return fail(source.error().in(variables::kResumeFrom));
  const std::string& prefix = settings.job.prefix.str();
  if (source->bucket != uri.bucket || !source->key.str().starts_with(prefix)) {
    return invalid(std::string(variables::kResumeFrom) + " is not below " +
                   std::string(variables::kCheckpointUri));
  }
  if (!source->key.str().ends_with('/')) source->key = storage::Key(source->key.str() + "/");
  settings.from = *std::move(source);
  TRY(step, number(lookup, variables::kResumeStep, -1));
  if (step >= 0) settings.step = storage::TrainingStep(step);
  return settings;
}

}  // namespace spillway::agent
