#pragma once
// Answers of the S3 protocol: what they say, and what an error means. Pure.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <spillway/cloud/http.h>
#include <spillway/storage/object_store.h>

#include "s3_request.h"

namespace spillway::storage {

enum class Again {
  kNo,
  kLater,       // the same request may succeed
  kOtherClock,  // it may when signed with the time of the store
};

struct S3Failure {
  Error error;
  std::string code;  // "NoSuchKey"; empty when the answer had none
  Again again = Again::kNo;
};

// nullopt for success. An <Error> inside an answer of status 200 (a long completion or copy) is an
// error.
std::optional<S3Failure> failure_of(const cloud::HttpResponse& response);
// The same for an exchange that brought no answer.
S3Failure no_answer(Error error);

// "Sat, 21 Nov 2026 12:34:33 GMT", as the headers Date and Last-Modified carry it.
Result<Instant> parse_http_date(std::string_view text);

struct ListPage {
  Listing listing;
  std::string continuation_token;  // empty = the last page
};
Result<ListPage> parse_list_page(std::string_view xml);

struct UploadsPage {
  std::vector<OpenUpload> uploads;
  std::optional<UploadsMarker> next;  // nullopt = the last page
};
Result<UploadsPage> parse_uploads_page(std::string_view xml);

Result<UploadId> parse_upload_id(std::string_view xml);
Result<ObjectInfo> parse_head(const Key& key, const cloud::HttpResponse& response);
Result<ObjectData> parse_get(cloud::HttpResponse response, const std::optional<ByteRange>& range);
EntityTag tag_of(const cloud::HttpResponse& response);

}  // namespace spillway::storage
