#include "metadata.h"

namespace spillway::agent {
namespace {

using Notice = std::optional<MachineNotice>;

constexpr Duration kTimeout = std::chrono::seconds(3);
constexpr std::size_t kMaxBytes = std::size_t{64} << 10;

class Service {
 public:
  Service(cloud::HttpClient& http, cloud::Url address)
      : http_(http), address_(std::move(address)) {}

  Task<Result<cloud::HttpResponse>> ask(std::string method, std::string path, std::string query,
                                        std::vector<cloud::HttpHeader> headers) {
    cloud::HttpRequest request{.method = std::move(method),
                               .url = address_,
                               .headers = std::move(headers),
                               .max_response_bytes = kMaxBytes};
    request.url.path = std::move(path);
    request.url.query = std::move(query);
    co_return co_await http_.send(std::move(request), kTimeout);
  }

 private:
  cloud::HttpClient& http_;
  cloud::Url address_;
};

// IMDSv2: a token first, then nothing or one document a question.
class AwsReader final : public MetadataReader {
 public:
  AwsReader(Runtime runtime, cloud::HttpClient& http, cloud::Url address)
      : runtime_(std::move(runtime)), service_(http, std::move(address)) {}

  Task<Result<Notice>> read() override {
    TRY_VOID_CO(co_await renew_token());
    TRY_CO(action, co_await ask("spot/instance-action", parse_aws_instance_action));
    TRY_CO(rebalance, co_await ask("events/recommendations/rebalance", parse_aws_rebalance));
    TRY_CO(maintenance, co_await ask("events/maintenance/scheduled", parse_aws_maintenance));
    co_return graver(graver(action, maintenance), rebalance);
  }

 private:
  using Parse = Result<Notice> (*)(std::string_view);

  Task<Result<void>> renew_token() {
    if (!token_.empty() && runtime_.clock.monotonic() < renew_at_) co_return Result<void>();
    std::vector<cloud::HttpHeader> headers{{"X-aws-ec2-metadata-token-ttl-seconds", "21600"}};
    TRY_CO(response, co_await service_.ask("PUT", "/latest/api/token", "", std::move(headers)));
    if (response.status != 200) co_return fail(cloud::http_status_error(response));
    token_ = std::move(response.body);
    renew_at_ = runtime_.clock.monotonic() + std::chrono::hours(5);
    co_return Result<void>();
  }

  Task<Result<Notice>> ask(std::string what, Parse parse) {
    std::vector<cloud::HttpHeader> headers{{"X-aws-ec2-metadata-token", token_}};
    TRY_CO(response, co_await service_.ask("GET", "/latest/meta-data/" + std::move(what), "",
                                           std::move(headers)));
    if (response.status == 404) co_return Notice();  // nothing of the kind is coming
    if (response.status == 401) token_.clear();
    if (response.status != 200) co_return fail(cloud::http_status_error(response));
    co_return parse(response.body);
  }

  Runtime runtime_;
  Service service_;
  std::string token_;
  MonotonicTime renew_at_{};
};

class GcpReader final : public MetadataReader {
 public:
  GcpReader(cloud::HttpClient& http, cloud::Url address) : service_(http, std::move(address)) {}

  Task<Result<Notice>> read() override {
    TRY_CO(preempted, co_await ask("preempted", parse_gcp_preempted));
    TRY_CO(maintenance, co_await ask("maintenance-event", parse_gcp_maintenance));
    co_return graver(preempted, maintenance);
  }

 private:
  using Parse = Result<Notice> (*)(std::string_view);

  Task<Result<Notice>> ask(std::string what, Parse parse) {
    std::vector<cloud::HttpHeader> headers{{"Metadata-Flavor", "Google"}};
    TRY_CO(response, co_await service_.ask("GET", "/computeMetadata/v1/instance/" + std::move(what),
                                           "", std::move(headers)));
    if (response.status != 200) co_return fail(cloud::http_status_error(response));
    co_return parse(response.body);
  }

  Service service_;
};

class AzureReader final : public MetadataReader {
 public:
  AzureReader(Runtime runtime, cloud::HttpClient& http, cloud::Url address)
      : runtime_(std::move(runtime)), service_(http, std::move(address)) {}

  Task<Result<Notice>> read() override {
    if (machine_.empty()) {
      TRY_CO(name,
             co_await ask("/metadata/instance/compute/name", "api-version=2021-02-01&format=text"));
      machine_ = std::move(name);
    }
    TRY_CO(events, co_await ask("/metadata/scheduledevents", "api-version=2020-07-01"));
    co_return parse_azure_events(events, machine_, runtime_.clock.now());
  }

 private:
  Task<Result<std::string>> ask(std::string path, std::string query) {
    std::vector<cloud::HttpHeader> headers{{"Metadata", "true"}};
    TRY_CO(response,
           co_await service_.ask("GET", std::move(path), std::move(query), std::move(headers)));
    if (response.status != 200) co_return fail(cloud::http_status_error(response));
    co_return std::move(response.body);
  }

  Runtime runtime_;
  Service service_;
  std::string machine_;  // the set's events name machines
};

}  // namespace

std::unique_ptr<MetadataReader> make_metadata_reader(const Runtime& runtime,
                                                     cloud::HttpClient& http, Cloud cloud,
                                                     cloud::Url address) {
  switch (cloud) {
    case Cloud::kAws: return std::make_unique<AwsReader>(runtime, http, std::move(address));
    case Cloud::kGcp: return std::make_unique<GcpReader>(http, std::move(address));
    case Cloud::kAzure: break;
  }
  return std::make_unique<AzureReader>(runtime, http, std::move(address));
}

}  // namespace spillway::agent
