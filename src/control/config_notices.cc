#include "config_notices.h"

namespace spillway::control {
namespace {

Result<void> read_credentials(const Value& value, EventQueueConfig& config) {
  if (value.absent()) return {};
  if (value.node.IsScalar() && value.node.Scalar() == "workload") return {};
  if (!value.node.IsMap()) return value.wrong("has to be workload or {directory: PATH}");
  TRY(from, Section::open(value, {"directory"}));
  if (!from.has("directory")) return from.missing("directory", "/var/run/secrets/aws");
  TRY(folder, text_of(from["directory"]));
  config.credentials_folder = std::move(folder);
  return {};
}

}  // namespace

Result<std::optional<EventQueueConfig>> read_notices(const Value& value) {
  TRY(section, Section::open(value, {"sqs"}));
  if (!section.has("sqs")) return std::optional<EventQueueConfig>();
  TRY(sqs, Section::open(section["sqs"], {"queue", "region", "credentials"}));
  if (!sqs.has("queue"))
    return sqs.missing("queue", "https://sqs.us-east-1.amazonaws.com/123456789012/spillway");
  if (!sqs.has("region")) return sqs.missing("region", "us-east-1");
  EventQueueConfig config;
  TRY(queue, text_of(sqs["queue"]));
  auto url = cloud::parse_url(queue);
  if (!url) {
    return sqs["queue"].wrong("is " + in_quotes(queue) +
                              ": write the URL of the queue, such as "
                              "https://sqs.us-east-1.amazonaws.com/123456789012/spillway");
  }
  config.queue.url = *std::move(url);
  TRY(region, text_of(sqs["region"]));
  config.queue.region = Region(std::move(region));
  TRY_VOID(read_credentials(sqs["credentials"], config));
  return std::optional<EventQueueConfig>(std::move(config));
}

}  // namespace spillway::control
