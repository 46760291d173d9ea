#include "s3_request.h"

#include <algorithm>

#include <spillway/cloud/xml.h>

namespace spillway::storage {
namespace {

// encode_form() writes '+' for a blank, which S3 takes for a plus.
std::string encode_query(const cloud::QueryParameters& parameters) {
  std::string out;
  for (const auto& [name, value] : parameters) {
    if (!out.empty()) out += '&';
    out += cloud::percent_encode(name) + "=" + cloud::percent_encode(value);
  }
  return out;
}

}  // namespace

cloud::HttpRequest http_request(const S3Config& config, const S3Call& call) {
  cloud::HttpRequest request{.method = call.method,
                             .url = config.endpoint,
                             .headers = call.headers,
                             .shared_body = call.body,
                             .max_response_bytes = call.max_response_bytes};
  request.url.path = "/";
  if (config.addressing == Addressing::kPath) {
    request.url.path += config.bucket.str();
    if (!call.key.empty()) request.url.path += '/';
  } else {
    request.url.host = config.bucket.str() + "." + config.endpoint.host;
  }
  request.url.path += cloud::percent_encode(call.key.str(), cloud::Slashes::kKeep);
  request.url.query = encode_query(call.query);
  return request;
}

S3Call list_call(const ListRequest& request, const std::string& continuation_token) {
  S3Call call{.query = {{"list-type", "2"},
                        {"prefix", request.prefix.str()},
                        {"encoding-type", "url"},
                        {"max-keys", "1000"}}};
  if (!request.delimiter.empty()) call.query.emplace_back("delimiter", request.delimiter);
  if (!request.start_after.empty()) {
    call.query.emplace_back("start-after", request.start_after.str());
  }
  if (!continuation_token.empty()) {
    call.query.emplace_back("continuation-token", continuation_token);
  }
  return call;
}

S3Call head_call(const Key& key) {
  return {.method = "HEAD", .key = key};
}

S3Call get_call(const Key& key, const std::optional<ByteRange>& range, std::size_t max_bytes) {
  // Room for an error's text even where the object may be small.
  constexpr std::size_t kErrorBytes = 64 * 1024;
  S3Call call{.key = key, .max_response_bytes = std::max(max_bytes, kErrorBytes)};
  if (range) {
    call.headers.push_back({.name = "Range",
                            .value = "bytes=" + std::to_string(range->first) + "-" +
                                     std::to_string(range->first + range->length - 1)});
  }
  return call;
}

S3Call put_call(const Key& key, std::shared_ptr<const std::string> bytes,
                WriteCondition condition) {
  S3Call call{.method = "PUT", .key = key, .body = std::move(bytes)};
  if (condition == WriteCondition::kIfAbsent) {
    call.headers.push_back({.name = "If-None-Match", .value = "*"});
  }
  return call;
}

S3Call remove_call(const Key& key) {
  return {.method = "DELETE", .key = key};
}

S3Call begin_upload_call(const Key& key) {
  return {.method = "POST", .key = key, .query = {{"uploads", ""}}};
}

S3Call upload_part_call(const Key& key, const UploadId& id, int number, std::string bytes,
                        const Sha256& hash) {
  return {.method = "PUT",
          .key = key,
          .query = {{"partNumber", std::to_string(number)}, {"uploadId", id.str()}},
          .body = std::make_shared<const std::string>(std::move(bytes)),
          .payload_hash = hash.str()};
}

S3Call complete_upload_call(const Key& key, const UploadId& id,
                            const std::vector<UploadedPart>& parts) {
  std::string body = R"(<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">)";
  for (const UploadedPart& part : parts) {
    body += "<Part><PartNumber>" + std::to_string(part.number) + "</PartNumber><ETag>" +
            cloud::xml_escape(part.tag.str()) + "</ETag></Part>";
  }
  body += "</CompleteMultipartUpload>";
  return {.method = "POST",
          .key = key,
          .query = {{"uploadId", id.str()}},
          .headers = {{"Content-Type", "application/xml"}},
          .body = std::make_shared<const std::string>(std::move(body))};
}

S3Call abort_upload_call(const Key& key, const UploadId& id) {
  return {.method = "DELETE", .key = key, .query = {{"uploadId", id.str()}}};
}

S3Call open_uploads_call(const Key& prefix, const UploadsMarker& after) {
  S3Call call{.query = {{"uploads", ""}, {"prefix", prefix.str()}, {"encoding-type", "url"}}};
  if (!after.key.empty()) {
    call.query.emplace_back("key-marker", after.key);
    call.query.emplace_back("upload-id-marker", after.upload_id);
  }
  return call;
}

}  // namespace spillway::storage
