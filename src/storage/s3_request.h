#pragma once
// Requests of the S3 protocol as values. Pure.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <spillway/storage/s3.h>

namespace spillway::storage {

// One operation, as often as it takes.
struct S3Call {
  std::string method = "GET";
  Key key;                       // empty = the bucket itself
  cloud::QueryParameters query;  // not encoded yet
  std::vector<cloud::HttpHeader> headers;
  std::shared_ptr<const std::string> body;  // null = none
  std::string payload_hash;                 // of the body, where it is known
  std::size_t max_response_bytes = std::size_t{4} << 20;
};

cloud::HttpRequest http_request(const S3Config& config, const S3Call& call);

S3Call list_call(const ListRequest& request, const std::string& continuation_token);
S3Call head_call(const Key& key);
S3Call get_call(const Key& key, const std::optional<ByteRange>& range, std::size_t max_bytes);
S3Call put_call(const Key& key, std::shared_ptr<const std::string> bytes, WriteCondition condition);
S3Call remove_call(const Key& key);
S3Call begin_upload_call(const Key& key);
S3Call upload_part_call(const Key& key, const UploadId& id, int number, std::string bytes,
                        const Sha256& hash);
S3Call complete_upload_call(const Key& key, const UploadId& id,
                            const std::vector<UploadedPart>& parts);
S3Call abort_upload_call(const Key& key, const UploadId& id);
struct UploadsMarker {
  std::string key;
  std::string upload_id;
};
S3Call open_uploads_call(const Key& prefix, const UploadsMarker& after);

}  // namespace spillway::storage
