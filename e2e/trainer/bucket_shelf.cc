#include "bucket_shelf.h"

#include <charconv>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <spillway/api/agent_protocol.h>
#include <spillway/async/timers.h>
#include <spillway/cloud/beast_http_client.h>
#include <spillway/cloud/credentials.h>

namespace spillway::trainer {
namespace {

namespace environment = api::agent::environment;
using storage::Key;

constexpr const char* kMarker = "_SUCCESS";
constexpr std::size_t kMaxShard = std::size_t{1} << 30U;

Result<std::int64_t> number(const Variables& variable, std::string_view name) {
  const std::string text = variable(name);
  std::int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != text.data() + text.size())
    return invalid(std::string(name) + " has to be a number, not '" + text + "'");
  return value;
}

Result<storage::S3Uri> uri(const Variables& variable, std::string_view name) {
  auto parsed = storage::parse_s3_uri(variable(name));
  if (!parsed) return fail(parsed.error().in(name));
  return parsed;
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file || !text) return invalid("the file " + path + " cannot be read");
  return std::move(text).str();
}

// The seams of a program of its own: one thread, real time.
class BucketShelf final : public Shelf {
 public:
  BucketShelf(BucketSettings settings, Place place)
      : settings_(std::move(settings)),
        place_(place),
        clock_(make_system_clock()),
        random_(make_entropy_random()),
        timers_(make_system_timers(io_.get_executor())),
        runtime_{io_.get_executor(), *clock_, *timers_, *random_} {}

  Result<void> open() {
    TRY(http,
        cloud::make_beast_http_client(runtime_, {.allowed_origins = {settings_.store.origin()},
                                                 .ca_bundle = settings_.ca_bundle}));
    http_ = std::move(http);
    credentials_ = settings_.credentials == "environment"
                       ? cloud::make_environment_credentials(
                             [](const char* name) { return std::getenv(name); })
                       : cloud::make_file_credentials(settings_.credentials);
    store_ = storage::make_s3_store(runtime_, *http_, *credentials_, settings_.store);
    return {};
  }

  Result<std::vector<Step>> steps() override {
    if (!settings_.resume_from) return std::vector<Step>{};
    return std::vector<Step>{settings_.resume_step};
  }

  Result<std::string> read(Step /*step*/) override {
    if (!settings_.resume_from)
      return fail(ErrorCode::kNotFound, "there is nothing to resume from");
    const Key key(settings_.resume_from->key.str() + shard_name(place_));
    TRY(data, finish(store_->get(key, std::nullopt, kMaxShard)));
    return std::move(data.bytes);
  }

  Result<void> write(Step step, std::string bytes) override {
    const Key key(folder(step) + shard_name(place_));
    TRY(tag, finish(store_->put(key, std::move(bytes), storage::WriteCondition::kIfAbsent)));
    return {};
  }

  Result<void> commit(Step step) override {
    if (place_.rank != 0) return {};
    const Key key(folder(step) + kMarker);
    TRY(tag, finish(store_->put(key, "\n", storage::WriteCondition::kIfAbsent)));
    return {};
  }

 private:
  [[nodiscard]] std::string folder(Step step) const {
    return settings_.attempt.key.str() + "checkpoint-" + std::to_string(step.value()) + "/";
  }

  template <class T>
  static Task<void> keep(Task<Result<T>> task, std::optional<Result<T>>& outcome) {
    outcome = co_await std::move(task);
  }

  // Runs one call to its end.
  template <class T>
  Result<T> finish(Task<Result<T>> task) {
    std::optional<Result<T>> outcome;
    asio::co_spawn(io_, keep(std::move(task), outcome), asio::detached);
    io_.restart();
    while (!outcome && io_.run_one() > 0) {
    }
    if (!outcome) return fail(ErrorCode::kInternal, "a call of the object store never ended");
    return *std::move(outcome);
  }

  BucketSettings settings_;
  Place place_;
  asio::io_context io_{1};
  std::unique_ptr<Clock> clock_;
  std::unique_ptr<Random> random_;
  std::unique_ptr<Timers> timers_;
  Runtime runtime_;
  std::unique_ptr<cloud::HttpClient> http_;
  std::unique_ptr<cloud::CredentialsProvider> credentials_;
  std::unique_ptr<storage::ObjectStore> store_;
};

}  // namespace

Result<BucketSettings> bucket_settings(const Variables& variable) {
  BucketSettings settings;
  TRY(attempt, uri(variable, environment::kCheckpointUri));
  settings.attempt = std::move(attempt);
  if (!variable(environment::kResumeFrom).empty()) {
    TRY(from, uri(variable, environment::kResumeFrom));
    TRY(step, number(variable, environment::kResumeStep));
    settings.resume_from = std::move(from);
    settings.resume_step = Step(step);
  }
  auto endpoint = cloud::parse_url(variable(environment::kStoreEndpoint));
  if (!endpoint) return fail(endpoint.error().in(environment::kStoreEndpoint));
  settings.store.endpoint = *std::move(endpoint);
  settings.store.bucket = settings.attempt.bucket;
  settings.store.region = Region(variable(environment::kStoreRegion));
  settings.store.addressing = variable(environment::kStorePathStyle) == "true"
                                  ? storage::Addressing::kPath
                                  : storage::Addressing::kVirtualHost;
  TRY_VOID(storage::check(settings.store));
  settings.credentials = variable(environment::kStoreCredentials);
  if (settings.credentials != "environment" && !settings.credentials.starts_with('/'))
    return invalid(std::string(environment::kStoreCredentials) +
                   " has to be 'environment' or a folder for this program, not '" +
                   settings.credentials + "'");
  if (const std::string path = variable(environment::kStoreCa); !path.empty()) {
    TRY(bundle, read_file(path));
    settings.ca_bundle = std::move(bundle);
  }
  return settings;
}

Result<std::unique_ptr<Shelf>> make_bucket_shelf(BucketSettings settings, Place place) {
  auto shelf = std::make_unique<BucketShelf>(std::move(settings), place);
  TRY_VOID(shelf->open());
  return shelf;
}

}  // namespace spillway::trainer
