#include "object_store_protocol.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <spillway/cloud/xml.h>

namespace spillway::sim {
namespace {

using cloud::HttpRequest;
using cloud::HttpResponse;

constexpr std::size_t kLeastPart = std::size_t{5} << 20;

std::string query_value(const StoreRequest& seen, const char* name) {
  const auto found = seen.query.find(name);
  return found == seen.query.end() ? std::string() : found->second;
}

std::string element(std::string_view name, std::string_view text) {
  return "<" + std::string(name) + ">" + cloud::xml_escape(text) + "</" + std::string(name) + ">";
}

std::string maybe_encoded(const StoreRequest& seen, const std::string& text) {
  return query_value(seen, "encoding-type") == "url"
             ? cloud::percent_encode(text, cloud::Slashes::kKeep)
             : text;
}

HttpResponse xml(std::string body) {
  return {.status = 200,
          .headers = {{"Content-Type", "application/xml"}},
          .body = R"(<?xml version="1.0" encoding="UTF-8"?>)" + std::move(body)};
}

Instant whole_seconds(Instant instant) {
  return std::chrono::floor<std::chrono::seconds>(instant);
}

std::string entry(const StoreRequest& seen, const std::string& key, const StoredObject& object) {
  return "<Contents>" + element("Key", maybe_encoded(seen, key)) +
         element("LastModified", format_instant(object.modified_at)) + element("ETag", object.tag) +
         element("Size", std::to_string(object.size.value())) +
         "<StorageClass>STANDARD</StorageClass></Contents>";
}

// "bytes=4-7"; nullopt for anything else.
std::optional<std::pair<std::uint64_t, std::uint64_t>> parse_range(std::string_view text) {
  constexpr std::string_view kUnit = "bytes=";
  if (!text.starts_with(kUnit)) return std::nullopt;
  text.remove_prefix(kUnit.size());
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  const char* end = text.data() + text.size();
  const auto begin = std::from_chars(text.data(), end, first);
  if (begin.ec != std::errc() || begin.ptr == end || *begin.ptr != '-') return std::nullopt;
  const auto stop = std::from_chars(begin.ptr + 1, end, last);
  if (stop.ec != std::errc() || stop.ptr != end || last < first) return std::nullopt;
  return std::pair(first, last);
}

std::string bytes_of(const StoredObject& object, std::uint64_t first, std::uint64_t length) {
  std::string bytes;
  if (first < object.bytes.size()) bytes = object.bytes.substr(first, length);
  bytes.resize(length, '\0');
  return bytes;
}

}  // namespace

StoreRequest parse_store_request(const HttpRequest& request) {
  StoreRequest seen{.method = request.method};
  const std::string path = request.url.path.substr(1);
  const std::size_t slash = path.find('/');
  seen.bucket = path.substr(0, slash);
  if (slash != std::string::npos) {
    seen.key = cloud::percent_decode(path.substr(slash + 1)).value_or(path.substr(slash + 1));
  }
  if (auto query = cloud::decode_form(request.url.query)) {
    for (auto& [name, value] : *query)
      seen.query.emplace(std::move(name), std::move(value));
  }
  return seen;
}

HttpResponse store_error(int status, const std::string& code) {
  return {.status = status,
          .headers = {{"Content-Type", "application/xml"}},
          .body = "<Error>" + element("Code", code) + element("Message", code) + "</Error>"};
}

std::string http_date(Instant instant) {
  constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(instant);
  const std::chrono::year_month_day date(day);
  const std::chrono::weekday weekday(day);
  const std::string text = format_instant(instant);  // "2026-11-21T12:34:33Z"
  return std::string(kDays.at(weekday.c_encoding())) + ", " + text.substr(8, 2) + " " +
         kMonths.at(static_cast<unsigned>(date.month()) - 1) + " " + text.substr(0, 4) + " " +
         text.substr(11, 8) + " GMT";
}

const ObjectStoreProtocol::Objects* ObjectStoreProtocol::bucket(const std::string& name) const {
  const auto found = buckets_.find(name);
  return found == buckets_.end() ? nullptr : &found->second;
}

void ObjectStoreProtocol::store(const std::string& bucket, const std::string& key,
                                std::string bytes, Bytes size, Instant now) {
  buckets_[bucket][key] = {.bytes = std::move(bytes),
                           .size = size,
                           .tag = "\"" + std::to_string(++numbered_) + "\"",
                           .modified_at = whole_seconds(now)};
}

void ObjectStoreProtocol::erase(const std::string& bucket, const std::string& key) {
  buckets_[bucket].erase(key);
}

HttpResponse ObjectStoreProtocol::serve(const StoreRequest& seen, const HttpRequest& request,
                                        Instant now) {
  const auto found = buckets_.find(seen.bucket);
  if (found == buckets_.end()) return store_error(404, "NoSuchBucket");
  const bool of_bucket = seen.key.empty();
  if (of_bucket && seen.method == "GET") {
    if (seen.query.contains("uploads")) return list_uploads(seen);
    if (query_value(seen, "list-type") == "2") return list(seen, found->second);
  }
  if (of_bucket) return store_error(501, "NotImplemented");
  if (seen.query.contains("uploads") || seen.query.contains("uploadId")) {
    return upload(seen, request, now);
  }
  if (seen.method == "GET" || seen.method == "HEAD") return read(seen, request, found->second);
  if (seen.method == "PUT") return put_object(seen, request, now);
  if (seen.method != "DELETE") return store_error(501, "NotImplemented");
  found->second.erase(seen.key);
  return {.status = 204};
}

HttpResponse ObjectStoreProtocol::list(const StoreRequest& seen, const Objects& objects) const {
  const std::string prefix = query_value(seen, "prefix");
  const std::string delimiter = query_value(seen, "delimiter");
  const std::string after =
      std::max(query_value(seen, "start-after"), query_value(seen, "continuation-token"));
  std::string body = "<ListBucketResult>" + element("Prefix", maybe_encoded(seen, prefix));
  if (seen.query.contains("encoding-type")) body += element("EncodingType", "url");
  std::size_t entries = 0;
  std::string last;
  std::string folder;
  for (auto at = objects.lower_bound(std::max(prefix, after)); at != objects.end(); ++at) {
    const std::string& key = at->first;
    if (!key.starts_with(prefix)) break;
    const bool told = key <= after || (!after.empty() && !delimiter.empty() &&
                                       after.ends_with(delimiter) && key.starts_with(after));
    if (told || (!folder.empty() && key.starts_with(folder))) continue;
    if (entries == page_size_) {
      body += "<IsTruncated>true</IsTruncated>" + element("NextContinuationToken", last);
      return xml(body + "</ListBucketResult>");
    }
    const std::size_t cut =
        delimiter.empty() ? std::string::npos : key.find(delimiter, prefix.size());
    if (cut != std::string::npos) {
      folder = key.substr(0, cut + delimiter.size());
      body +=
          "<CommonPrefixes>" + element("Prefix", maybe_encoded(seen, folder)) + "</CommonPrefixes>";
    } else {
      body += entry(seen, key, at->second);
    }
    last = cut != std::string::npos ? folder : key;
    ++entries;
  }
  return xml(body + "<IsTruncated>false</IsTruncated></ListBucketResult>");
}

HttpResponse ObjectStoreProtocol::list_uploads(const StoreRequest& seen) const {
  const std::string prefix = query_value(seen, "prefix");
  std::string body = "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>";
  if (seen.query.contains("encoding-type")) body += element("EncodingType", "url");
  for (const auto& [id, upload] : uploads_) {
    if (upload.bucket != seen.bucket || !upload.key.starts_with(prefix)) continue;
    body += "<Upload>" + element("Key", maybe_encoded(seen, upload.key)) + element("UploadId", id) +
            element("Initiated", format_instant(upload.started_at)) + "</Upload>";
  }
  return xml(body + "</ListMultipartUploadsResult>");
}

HttpResponse ObjectStoreProtocol::read(const StoreRequest& seen, const HttpRequest& request,
                                       const Objects& objects) {
  const auto found = objects.find(seen.key);
  const bool head = seen.method == "HEAD";
  if (found == objects.end()) {
    return head ? HttpResponse{.status = 404} : store_error(404, "NoSuchKey");
  }
  const StoredObject& object = found->second;
  const auto size = static_cast<std::uint64_t>(object.size.value());
  HttpResponse response{
      .status = 200,
      .headers = {{"ETag", object.tag}, {"Last-Modified", http_date(object.modified_at)}}};
  if (head) {
    response.headers.push_back({.name = "Content-Length", .value = std::to_string(size)});
    return response;
  }
  const auto header = cloud::find_header(request.headers, "Range");
  const auto range = header ? parse_range(*header) : std::nullopt;
  if (!range) {
    response.body = bytes_of(object, 0, size);
    return response;
  }
  if (range->first >= size) return store_error(416, "InvalidRange");
  const std::uint64_t last = std::min(range->second, size - 1);
  response.status = 206;
  response.headers.push_back({.name = "Content-Range",
                              .value = "bytes " + std::to_string(range->first) + "-" +
                                       std::to_string(last) + "/" + std::to_string(size)});
  response.body = bytes_of(object, range->first, last - range->first + 1);
  return response;
}

HttpResponse ObjectStoreProtocol::put_object(const StoreRequest& seen, const HttpRequest& request,
                                             Instant now) {
  Objects& objects = buckets_[seen.bucket];
  const bool only_if_absent = cloud::find_header(request.headers, "If-None-Match") == "*";
  if (only_if_absent && objects.contains(seen.key)) return store_error(412, "PreconditionFailed");
  std::string bytes(request.payload());
  const Bytes size(static_cast<std::int64_t>(bytes.size()));
  store(seen.bucket, seen.key, std::move(bytes), size, now);
  return {.status = 200, .headers = {{"ETag", objects[seen.key].tag}}};
}

HttpResponse ObjectStoreProtocol::upload(const StoreRequest& seen, const HttpRequest& request,
                                         Instant now) {
  if (seen.method == "POST" && seen.query.contains("uploads")) {
    const std::string id = "upload-" + std::to_string(++numbered_);
    uploads_[id] = {.bucket = seen.bucket, .key = seen.key, .started_at = whole_seconds(now)};
    return xml("<InitiateMultipartUploadResult>" + element("UploadId", id) +
               "</InitiateMultipartUploadResult>");
  }
  const auto found = uploads_.find(query_value(seen, "uploadId"));
  if (found == uploads_.end() || found->second.key != seen.key) {
    return store_error(404, "NoSuchUpload");
  }
  if (seen.method == "DELETE") {
    uploads_.erase(found);
    return {.status = 204};
  }
  if (seen.method == "POST") return complete(seen, request.payload(), found->second, now);
  const std::string number = query_value(seen, "partNumber");
  int part = 0;
  std::from_chars(number.data(), number.data() + number.size(), part);
  if (seen.method != "PUT" || part < 1 || part > 10'000) return store_error(400, "InvalidPart");
  found->second.parts[part] = std::string(request.payload());
  return {.status = 200, .headers = {{"ETag", "\"part-" + number + "\""}}};
}

HttpResponse ObjectStoreProtocol::complete(const StoreRequest& seen, std::string_view body,
                                           Upload& upload, Instant now) {
  // The parts that were sent and no others, all but the last of them large enough.
  std::string all;
  std::size_t named = 0;
  for (std::size_t at = body.find("<PartNumber>"); at != std::string_view::npos;
       at = body.find("<PartNumber>", at + 1)) {
    int number = 0;
    std::from_chars(body.data() + at + 12, body.data() + body.size(), number);
    const auto part = upload.parts.find(number);
    if (part == upload.parts.end()) return store_error(400, "InvalidPart");
    ++named;
    const bool last = named == upload.parts.size();
    if (!last && part->second.size() < kLeastPart) return store_error(400, "EntityTooSmall");
    all += part->second;
  }
  if (named != upload.parts.size()) return store_error(400, "InvalidPart");
  const Bytes size(static_cast<std::int64_t>(all.size()));
  store(seen.bucket, seen.key, std::move(all), size, now);
  StoredObject& object = buckets_[seen.bucket][seen.key];
  object.tag = "\"" + std::to_string(numbered_) + "-" + std::to_string(named) + "\"";
  const std::string tag = object.tag;
  uploads_.erase(query_value(seen, "uploadId"));
  HttpResponse response = xml("<CompleteMultipartUploadResult>" + element("ETag", tag) +
                              "</CompleteMultipartUploadResult>");
  response.headers.push_back({.name = "ETag", .value = tag});
  return response;
}

}  // namespace spillway::sim
