#include "s3_answer.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <spillway/cloud/xml.h>
#include <spillway/core/text.h>

namespace spillway::storage {
namespace {

using cloud::HttpResponse;
using cloud::XmlEvent;
using cloud::XmlReader;

struct ErrorBody {
  std::string code;
  std::string message;
  std::string region;
};

// Calls `on_child` for each child of the document's element; it stands after the child's kStart.
template <class OnChild>
Result<std::string> read_children(std::string_view xml, OnChild on_child) {
  XmlReader reader(xml);
  TRY(root, reader.next());
  if (root.kind != XmlEvent::Kind::kStart) {
    return fail(ErrorCode::kInternal, "the object store's answer is not XML");
  }
  while (true) {
    TRY(event, reader.next());
    if (event.kind == XmlEvent::Kind::kDone) return std::string(root.name);
    if (event.kind != XmlEvent::Kind::kStart) continue;
    TRY_VOID(on_child(reader, event.name));
  }
}

Result<void> take_text(XmlReader& reader, std::string& into) {
  TRY(text, cloud::read_text(reader));
  into = std::move(text);
  return {};
}

ErrorBody read_error(std::string_view xml) {
  ErrorBody body;
  const auto root =
      read_children(xml, [&](XmlReader& reader, std::string_view name) -> Result<void> {
        if (name == "Code") return take_text(reader, body.code);
        if (name == "Message") return take_text(reader, body.message);
        if (name == "Region") return take_text(reader, body.region);
        return cloud::skip_element(reader);
      });
  if (!root || *root != "Error") return {};
  return body;
}

template <std::size_t N>
bool among(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

constexpr std::array<std::string_view, 8> kLater{
    "SlowDown",   "InternalError",       "ServiceUnavailable",         "RequestTimeout",
    "Throttling", "ThrottlingException", "ConditionalRequestConflict", "OperationAborted"};
constexpr std::array<std::string_view, 6> kCredential{
    "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken",
    "InvalidToken",       "TokenRefreshRequired",  "InvalidSecurity"};

ErrorCode code_for(int status, const ErrorBody& body, ErrorCode by_status) {
  if (body.code == "NoSuchBucket") return ErrorCode::kRejected;
  if (body.code == "NoSuchKey" || body.code == "NoSuchUpload") return ErrorCode::kNotFound;
  if (body.code == "PreconditionFailed" || status == 412) return ErrorCode::kAlreadyExists;
  if (body.code == "ConditionalRequestConflict" || body.code == "OperationAborted") {
    return ErrorCode::kConflict;
  }
  if (body.code == "SlowDown" || body.code == "ServiceUnavailable") return ErrorCode::kThrottled;
  if (body.code == "InternalError") return ErrorCode::kUnknownOutcome;
  if (among(kCredential, body.code)) return ErrorCode::kUnauthorized;
  return by_status;
}

std::string advice(const HttpResponse& response, const ErrorBody& body) {
  const auto header = cloud::find_header(response.headers, "x-amz-bucket-region");
  const std::string region = header ? std::string(*header) : body.region;
  const bool elsewhere = response.status == 301 || response.status == 307 ||
                         body.code == "AuthorizationHeaderMalformed";
  if (elsewhere && !region.empty()) return "; the bucket is in the region " + shorten(region, 40);
  if (body.code == "NoSuchBucket") return "; create it, or correct the name of the bucket";
  if (response.status == 403 && (body.code.empty() || body.code == "AccessDenied")) {
    return "; the identity needs s3:ListBucket on the bucket and s3:GetObject on its objects, and "
           "s3:PutObject to write";
  }
  return {};
}

// HTTP statuses of 200 that may carry an <Error> after all.
bool hidden_error(const HttpResponse& response) {
  if (response.status != 200 || response.body.empty() || response.body.size() > 64 * 1024) {
    return false;
  }
  const std::string_view text = trim(response.body);
  return text.starts_with("<") && text.find("<Error") != std::string_view::npos &&
         !read_error(text).code.empty();
}

Result<std::int64_t> parse_size(std::string_view text) {
  std::int64_t size = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (failed != std::errc() || end != text.data() + text.size() || size < 0) {
    return fail(ErrorCode::kInternal, "the object store's answer has a size that is no number");
  }
  return size;
}

struct RawObject {
  std::string key;
  std::string size;
  std::string tag;
  std::string modified;
};

Result<RawObject> read_object(XmlReader& reader) {
  RawObject object;
  const std::size_t depth = reader.depth();
  while (true) {
    TRY(event, reader.next());
    if (event.kind == XmlEvent::Kind::kEnd && reader.depth() < depth) return object;
    if (event.kind == XmlEvent::Kind::kDone) {
      return fail(ErrorCode::kInternal, "the object store's listing ends early");
    }
    if (event.kind != XmlEvent::Kind::kStart) continue;
    if (event.name == "Key" || event.name == "Prefix") {
      TRY_VOID(take_text(reader, object.key));
    } else if (event.name == "Size" || event.name == "UploadId") {
      TRY_VOID(take_text(reader, object.size));
    } else if (event.name == "ETag") {
      TRY_VOID(take_text(reader, object.tag));
    } else if (event.name == "LastModified" || event.name == "Initiated") {
      TRY_VOID(take_text(reader, object.modified));
    } else {
      TRY_VOID(cloud::skip_element(reader));
    }
  }
}

std::string form_decoded(std::string_view text, bool encoded) {
  if (!encoded) return std::string(text);
  std::string blanks(text);
  std::replace(blanks.begin(), blanks.end(), '+', ' ');
  return cloud::percent_decode(blanks).value_or(std::string(text));
}

struct RawPage {
  std::vector<RawObject> objects;
  std::vector<std::string> folders;
  std::string truncated = "false";
  std::string token;
  std::string encoding;
  UploadsMarker next;
};

Result<void> read_page_child(RawPage& page, XmlReader& reader, std::string_view name) {
  if (name == "Contents" || name == "Upload") {
    TRY(object, read_object(reader));
    page.objects.push_back(std::move(object));
    return {};
  }
  if (name == "CommonPrefixes") {
    TRY(folder, read_object(reader));
    page.folders.push_back(std::move(folder.key));
    return {};
  }
  if (name == "IsTruncated") return take_text(reader, page.truncated);
  if (name == "NextContinuationToken") return take_text(reader, page.token);
  if (name == "EncodingType") return take_text(reader, page.encoding);
  if (name == "NextKeyMarker") return take_text(reader, page.next.key);
  if (name == "NextUploadIdMarker") return take_text(reader, page.next.upload_id);
  return cloud::skip_element(reader);
}

Result<RawPage> read_page(std::string_view xml, std::string_view root_name) {
  RawPage page;
  TRY(root, read_children(xml, [&](XmlReader& reader, std::string_view name) {
        return read_page_child(page, reader, name);
      }));
  if (root != root_name) {
    return fail(ErrorCode::kInternal,
                "the object store answered <" + shorten(root, 40) + "> instead of a listing");
  }
  return page;
}

}  // namespace

std::optional<S3Failure> failure_of(const HttpResponse& response) {
  const bool hidden = hidden_error(response);
  if (response.status >= 200 && response.status < 300 && !hidden) return std::nullopt;
  const ErrorBody body = read_error(trim(response.body));
  S3Failure failure{.error = cloud::http_status_error(response), .code = body.code};
  // An error in an answer that promised success: whether it happened is open.
  if (hidden) failure.error.code = ErrorCode::kUnknownOutcome;
  failure.error.code = code_for(response.status, body, failure.error.code);
  if (!body.code.empty()) {
    failure.error.message =
        "the object store says " + shorten(body.code + ": " + body.message, 300);
  } else {
    failure.error.message =
        "the object store answered with HTTP status " + std::to_string(response.status);
  }
  failure.error.message += advice(response, body);
  const bool later =
      response.status >= 500 || response.status == 429 || among(kLater, body.code) || hidden;
  if (later && response.status != 501) failure.again = Again::kLater;
  if (body.code == "RequestTimeTooSkewed") failure.again = Again::kOtherClock;
  return failure;
}

S3Failure no_answer(Error error) {
  const bool later = error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kTimeout ||
                     error.code == ErrorCode::kUnknownOutcome ||
                     error.code == ErrorCode::kThrottled;
  return {.error = std::move(error), .again = later ? Again::kLater : Again::kNo};
}

Result<Instant> parse_http_date(std::string_view text) {
  constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto bad = [&] {
    return fail(ErrorCode::kInternal, "'" + shorten(text, 40) + "' is not an HTTP date");
  };
  if (text.size() != 29 || text.substr(25) != " GMT") return bad();
  const auto month = std::find(kMonths.begin(), kMonths.end(), text.substr(8, 3));
  if (month == kMonths.end()) return bad();
  const auto number = std::to_string(month - kMonths.begin() + 1);
  return parse_instant(std::string(text.substr(12, 4)) + "-" + (number.size() < 2 ? "0" : "") +
                       number + "-" + std::string(text.substr(5, 2)) + "T" +
                       std::string(text.substr(17, 8)) + "Z");
}

Result<ListPage> parse_list_page(std::string_view xml) {
  TRY(raw, read_page(xml, "ListBucketResult"));
  const bool encoded = raw.encoding == "url";
  ListPage page;
  for (const RawObject& object : raw.objects) {
    TRY(size, parse_size(object.size));
    TRY(modified, parse_instant(object.modified));
    page.listing.objects.push_back({.key = Key(form_decoded(object.key, encoded)),
                                    .size = Bytes(size),
                                    .tag = EntityTag(object.tag),
                                    .modified_at = modified});
  }
  for (const std::string& folder : raw.folders)
    page.listing.folders.emplace_back(form_decoded(folder, encoded));
  if (raw.truncated == "true") page.continuation_token = raw.token;
  if (raw.truncated == "true" && raw.token.empty()) {
    return fail(ErrorCode::kInternal, "the object store cut a listing and named no next page");
  }
  return page;
}

Result<UploadsPage> parse_uploads_page(std::string_view xml) {
  TRY(raw, read_page(xml, "ListMultipartUploadsResult"));
  const bool encoded = raw.encoding == "url";
  UploadsPage page;
  for (const RawObject& upload : raw.objects) {
    TRY(started, parse_instant(upload.modified));
    page.uploads.push_back({.key = Key(form_decoded(upload.key, encoded)),
                            .id = UploadId(upload.size),
                            .started_at = started});
  }
  if (raw.truncated != "true") return page;
  if (raw.next.key.empty()) {
    return fail(ErrorCode::kInternal, "the object store cut a listing and named no next page");
  }
  raw.next.key = form_decoded(raw.next.key, encoded);
  page.next = std::move(raw.next);
  return page;
}

Result<UploadId> parse_upload_id(std::string_view xml) {
  std::string id;
  TRY(root, read_children(xml, [&](XmlReader& reader, std::string_view name) -> Result<void> {
        if (name == "UploadId") return take_text(reader, id);
        return cloud::skip_element(reader);
      }));
  if (root != "InitiateMultipartUploadResult" || id.empty()) {
    return fail(ErrorCode::kInternal, "the object store named no upload");
  }
  return UploadId(std::move(id));
}

EntityTag tag_of(const HttpResponse& response) {
  return EntityTag(cloud::find_header(response.headers, "ETag").value_or(""));
}

Result<ObjectInfo> parse_head(const Key& key, const HttpResponse& response) {
  const auto length = cloud::find_header(response.headers, "Content-Length");
  if (!length) return fail(ErrorCode::kInternal, "the object store told no size");
  TRY(size, parse_size(*length));
  ObjectInfo info{.key = key, .size = Bytes(size), .tag = tag_of(response)};
  if (const auto modified = cloud::find_header(response.headers, "Last-Modified")) {
    TRY(at, parse_http_date(*modified));
    info.modified_at = at;
  }
  return info;
}

Result<ObjectData> parse_get(HttpResponse response, const std::optional<ByteRange>& range) {
  ObjectData data{.tag = tag_of(response),
                  .object_size = Bytes(static_cast<std::int64_t>(response.body.size()))};
  if (range && response.status == 206) {
    const auto field = cloud::find_header(response.headers, "Content-Range").value_or("");
    TRY(size, parse_size(field.substr(field.rfind('/') + 1)));
    data.object_size = Bytes(size);
    const auto available = static_cast<std::uint64_t>(size) > range->first
                               ? static_cast<std::uint64_t>(size) - range->first
                               : 0;
    if (response.body.size() != std::min(range->length, available)) {
      return fail(ErrorCode::kInternal, "the object store sent another range than asked for");
    }
  } else if (range) {  // a server that knows no ranges sends everything
    const std::size_t first = std::min<std::size_t>(range->first, response.body.size());
    response.body = response.body.substr(first, range->length);
  }
  data.bytes = std::move(response.body);
  return data;
}

}  // namespace spillway::storage
