#include <spillway/storage/s3.h>

#include <algorithm>

#include <spillway/cloud/sigv4.h>
#include <spillway/core/log.h>
#include <spillway/core/text.h>

#include "retry.h"
#include "s3_answer.h"
#include "s3_request.h"

namespace spillway::storage {
namespace {

using cloud::HttpResponse;

constexpr std::size_t kMaxPages = 10'000;

struct Answer {
  HttpResponse response;
  int tries = 1;
};
struct CallFailure {
  S3Failure failure;
  int tries = 1;
};
using CallResult = tl::expected<Answer, CallFailure>;

class S3Store final : public ObjectStore {
 public:
  S3Store(Runtime runtime, cloud::HttpClient& http, cloud::CredentialsProvider& credentials,
          S3Config config)
      : runtime_(std::move(runtime)),
        http_(http),
        credentials_(credentials),
        config_(std::move(config)) {}

  Task<Result<Listing>> list(ListRequest request) override {
    Listing all;
    std::string token;
    for (std::size_t pages = 0; pages < kMaxPages; ++pages) {
      S3Call call = list_call(request, token);
      auto answer = co_await perform(std::move(call));
      if (!answer) co_return fail(seen(std::move(answer).error(), "listing", request.prefix));
      TRY_CO(page, parse_list_page(answer->response.body));
      auto& [objects, folders] = page.listing;
      std::move(objects.begin(), objects.end(), std::back_inserter(all.objects));
      std::move(folders.begin(), folders.end(), std::back_inserter(all.folders));
      if (all.objects.size() + all.folders.size() > request.max_entries) {
        co_return fail(ErrorCode::kRejected, "below " + request.prefix.str() + " are more than " +
                                                 std::to_string(request.max_entries) + " objects");
      }
      if (page.continuation_token.empty()) {
        for (ObjectInfo& object : all.objects)
          object.modified_at = by_our_clock(object.modified_at);
        co_return all;
      }
      token = std::move(page.continuation_token);
    }
    co_return fail(ErrorCode::kInternal, "a listing has no end");
  }

  Task<Result<ObjectInfo>> head(Key key) override {
    S3Call call = head_call(key);
    auto answer = co_await perform(std::move(call));
    if (!answer) co_return fail(seen(std::move(answer).error(), "looking at", key));
    TRY_CO(info, parse_head(key, answer->response));
    info.modified_at = by_our_clock(info.modified_at);
    co_return info;
  }

  Task<Result<ObjectData>> get(Key key, std::optional<ByteRange> range,
                               std::size_t max_bytes) override {
    if (range && range->length == 0) co_return invalid("a range has at least one byte");
    S3Call call = get_call(key, range, max_bytes);
    auto answer = co_await perform(std::move(call));
    if (!answer) co_return fail(seen(std::move(answer).error(), "reading", key));
    TRY_CO(data, parse_get(std::move(answer->response), range));
    if (data.bytes.size() > max_bytes) {
      co_return fail(ErrorCode::kRejected,
                     key.str() + " is longer than " + std::to_string(max_bytes) + " bytes");
    }
    co_return data;
  }

  Task<Result<EntityTag>> put(Key key, std::string bytes, WriteCondition condition) override {
    const auto body = std::make_shared<const std::string>(std::move(bytes));
    S3Call call = put_call(key, body, condition);
    auto answer = co_await perform(std::move(call));
    if (answer) co_return tag_of(answer->response);
    const bool taken = condition == WriteCondition::kIfAbsent &&
                       answer.error().failure.error.code == ErrorCode::kAlreadyExists;
    if (!taken) co_return fail(seen(std::move(answer).error(), "writing", key));
    co_return co_await read_back(std::move(key), body);
  }

  Task<Result<void>> remove(Key key) override {
    S3Call call = remove_call(key);
    auto answer = co_await perform(std::move(call));
    if (answer || answer.error().failure.error.code == ErrorCode::kNotFound) {
      co_return Result<void>();
    }
    co_return fail(seen(std::move(answer).error(), "removing", key));
  }

  Task<Result<UploadId>> begin_upload(Key key) override {
    S3Call call = begin_upload_call(key);
    auto answer = co_await perform(std::move(call));
    if (!answer) co_return fail(seen(std::move(answer).error(), "beginning the upload of", key));
    co_return parse_upload_id(answer->response.body);
  }

  Task<Result<UploadedPart>> upload_part(Key key, UploadId id, int number, std::string bytes,
                                         Sha256 hash) override {
    S3Call call = upload_part_call(key, id, number, std::move(bytes), hash);
    auto answer = co_await perform(std::move(call));
    if (!answer) {
      const std::string doing = "uploading part " + std::to_string(number) + " of";
      co_return fail(seen(std::move(answer).error(), doing, key));
    }
    UploadedPart part{.number = number, .tag = tag_of(answer->response)};
    if (part.tag.empty()) co_return fail(ErrorCode::kInternal, "a part came back without a tag");
    co_return part;
  }

  Task<Result<EntityTag>> complete_upload(Key key, UploadId id,
                                          std::vector<UploadedPart> parts) override {
    S3Call call = complete_upload_call(key, id, parts);
    auto answer = co_await perform(std::move(call));
    if (answer) co_return tag_of(answer->response);
    // Completed by an earlier try whose answer was lost: the upload is gone, the object is there.
    const bool gone = answer.error().tries > 1 && answer.error().failure.code == "NoSuchUpload";
    if (gone) {
      const auto there = co_await head(key);
      const std::string ending = "-" + std::to_string(parts.size()) + "\"";
      if (there && there->tag.str().ends_with(ending)) co_return there->tag;
    }
    co_return fail(seen(std::move(answer).error(), "completing the upload of", key));
  }

  Task<Result<void>> abort_upload(Key key, UploadId id) override {
    S3Call call = abort_upload_call(key, id);
    auto answer = co_await perform(std::move(call));
    if (answer || answer.error().failure.error.code == ErrorCode::kNotFound) {
      co_return Result<void>();
    }
    co_return fail(seen(std::move(answer).error(), "giving up the upload of", key));
  }

  Task<Result<std::vector<OpenUpload>>> open_uploads(Key prefix) override {
    std::vector<OpenUpload> all;
    UploadsMarker after;
    for (std::size_t pages = 0; pages < kMaxPages; ++pages) {
      S3Call call = open_uploads_call(prefix, after);
      auto answer = co_await perform(std::move(call));
      if (!answer) co_return fail(seen(std::move(answer).error(), "listing uploads of", prefix));
      TRY_CO(page, parse_uploads_page(answer->response.body));
      std::move(page.uploads.begin(), page.uploads.end(), std::back_inserter(all));
      if (!page.next) co_return all;
      after = *std::move(page.next);
    }
    co_return fail(ErrorCode::kInternal, "a listing of uploads has no end");
  }

 private:
  [[nodiscard]] Error seen(CallFailure&& failed, std::string_view doing, const Key& key) const {
    return failed.failure.error.in(std::string(doing) + " s3://" + config_.bucket.str() + "/" +
                                   key.str());
  }

  // The key was there: by an earlier try of ours, or by somebody else?
  Task<Result<EntityTag>> read_back(Key key, std::shared_ptr<const std::string> bytes) {
    const auto there = co_await get(key, std::nullopt, bytes->size());
    if (there && there->bytes == *bytes) co_return there->tag;
    if (!there && there.error().code != ErrorCode::kRejected) co_return fail(there.error());
    co_return fail(ErrorCode::kAlreadyExists,
                   "s3://" + config_.bucket.str() + "/" + key.str() + " holds something else");
  }

  // One operation with all its tries.
  Task<CallResult> perform(S3Call call) {
    const MonotonicTime deadline = runtime_.clock.monotonic() + config_.call_timeout;
    bool corrected = false;
    for (int tries = 1;; ++tries) {
      auto outcome = co_await attempt(call);
      if (outcome) {
        budget_.earn();
        co_return Answer{.response = *std::move(outcome), .tries = tries};
      }
      S3Failure& failure = outcome.error();
      if (failure.again == Again::kOtherClock && !std::exchange(corrected, true)) continue;
      const Duration pause = retry_pause(tries - 1, failure.error, runtime_.random);
      const bool again = failure.again == Again::kLater && tries < config_.max_attempts &&
                         runtime_.clock.monotonic() + pause < deadline &&
                         budget_.spend(failure.error);
      if (!again) {
        co_return tl::unexpected(CallFailure{.failure = std::move(failure), .tries = tries});
      }
      const auto timer = runtime_.timers.make();
      co_await timer->wait_until(runtime_.clock.monotonic() + pause);
    }
  }

  Task<tl::expected<HttpResponse, S3Failure>> attempt(const S3Call& call) {
    auto credentials = co_await credentials_.get();
    if (!credentials) co_return tl::unexpected(no_answer(std::move(credentials).error()));
    cloud::HttpRequest request = http_request(config_, call);
    const cloud::SigningScope scope{.region = config_.region,
                                    .service = cloud::ServiceName("s3"),
                                    .path_style = cloud::PathStyle::kS3};
    const Instant sent = runtime_.clock.now();
    const Instant signed_at = signs_by_its_clock_ ? sent + clock_offset_ : sent;
    const auto signed_ = cloud::sign(request, *credentials, scope, signed_at, payload_hash(call));
    if (!signed_) co_return tl::unexpected(no_answer(signed_.error()));
    auto response = co_await http_.send(std::move(request), config_.request_timeout);
    if (!response) co_return tl::unexpected(no_answer(std::move(response).error()));
    const bool dated = take_clock(*response, sent);
    auto failure = failure_of(*response);
    if (!failure) co_return *std::move(response);
    if (failure->again == Again::kOtherClock) {
      signs_by_its_clock_ = true;
      if (dated)
        blame_clock(*failure);
      else
        failure->again = Again::kNo;
    }
    co_return tl::unexpected(*std::move(failure));
  }

  // TLS keeps what is under way from change, so the store need not hash megabytes once more; what
  // commits a checkpoint is small, and always signed.
  [[nodiscard]] std::string payload_hash(const S3Call& call) const {
    constexpr std::size_t kSmall = 64 * 1024;
    const bool large = call.body && call.body->size() > kSmall;
    if (large && config_.endpoint.scheme == "https") return std::string(cloud::kUnsignedPayload);
    return call.payload_hash;
  }

  // The store wrote its Date, cut to whole seconds, between our sending and now. What is known of
  // its clock stands as long as that agrees with it, so that it does not waver. False without one.
  bool take_clock(const HttpResponse& response, Instant sent) {
    constexpr Duration kCut = std::chrono::seconds(1);
    const auto date = parse_http_date(cloud::find_header(response.headers, "Date").value_or(""));
    if (!date) return false;
    const Duration least = *date - runtime_.clock.now();
    clock_offset_ = std::clamp(clock_offset_, least, std::max(least, *date + kCut - sent));
    return true;
  }

  void blame_clock(S3Failure& failure) const {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(clock_offset_);
    failure.error.message += "; the clock of this machine is off by " +
                             std::to_string(-seconds.count()) + " seconds: synchronise it";
    log::warning("the clock differs from the object store's; its time is used",
                 {{"offset_seconds", static_cast<std::int64_t>(seconds.count())}});
  }

  // Times are compared with those of notices and requests, which are ours. All objects are moved
  // alike.
  [[nodiscard]] Instant by_our_clock(Instant of_store) const {
    return of_store == Instant{}
               ? of_store
               : of_store - std::chrono::floor<std::chrono::seconds>(clock_offset_);
  }

  Runtime runtime_;
  cloud::HttpClient& http_;
  cloud::CredentialsProvider& credentials_;
  S3Config config_;
  RetryBudget budget_;
  Duration clock_offset_{0};         // the store's clock less ours
  bool signs_by_its_clock_ = false;  // it did not take a signature by ours
};

bool bucket_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
}

}  // namespace

std::string S3Config::origin() const {
  cloud::Url url = endpoint;
  if (addressing == Addressing::kVirtualHost) url.host = bucket.str() + "." + endpoint.host;
  return url.origin();
}

Result<cloud::Url> aws_endpoint(const Region& region) {
  const std::string_view ending =
      region.str().starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com";
  return cloud::parse_url("https://s3." + region.str() + std::string(ending));
}

Result<void> check(const S3Config& config) {
  const std::string& bucket = config.bucket.str();
  const bool good = bucket.size() >= 3 && bucket.size() <= 63 &&
                    std::all_of(bucket.begin(), bucket.end(), bucket_character) &&
                    bucket.find("..") == std::string::npos;
  if (!good) {
    return invalid("'" + shorten(bucket, 80) +
                   "' is not a bucket name: write 3 to 63 of a-z, 0-9, '.' and '-'");
  }
  const cloud::Url& endpoint = config.endpoint;
  if (endpoint.host.empty() || endpoint.path != "/" || !endpoint.query.empty()) {
    return invalid("the endpoint of an object store is a URL without a path: write https://host");
  }
  const bool uncovered = bucket.find('.') != std::string::npos && endpoint.scheme == "https";
  if (config.addressing == Addressing::kVirtualHost && uncovered) {
    return invalid("no certificate covers the bucket name '" + bucket +
                   "' as a host: use path addressing");
  }
  if (config.region.empty()) return invalid("an object store needs a region: write us-east-1");
  return {};
}

Result<S3Uri> parse_s3_uri(std::string_view text) {
  constexpr std::string_view kScheme = "s3://";
  if (!text.starts_with(kScheme)) {
    return invalid("'" + shorten(text, 80) + "' is not an S3 address: write s3://bucket/prefix/");
  }
  text.remove_prefix(kScheme.size());
  const std::size_t slash = text.find('/');
  if (slash == 0 || text.empty()) {
    return invalid("an S3 address needs a bucket: write s3://bucket/prefix/");
  }
  S3Uri uri{.bucket = BucketName(text.substr(0, slash))};
  if (slash != std::string_view::npos) uri.key = Key(text.substr(slash + 1));
  return uri;
}

std::string to_string(const S3Uri& uri) {
  return "s3://" + uri.bucket.str() + "/" + uri.key.str();
}

std::unique_ptr<ObjectStore> make_s3_store(const Runtime& runtime, cloud::HttpClient& http,
                                           cloud::CredentialsProvider& credentials,
                                           S3Config config) {
  return std::make_unique<S3Store>(runtime, http, credentials, std::move(config));
}

}  // namespace spillway::storage
