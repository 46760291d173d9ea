#pragma once
// An ObjectStore in memory, strictly consistent, with the errors that a test asks for.

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <spillway/core/clock.h>
#include <spillway/storage/object_store.h>

namespace spillway::testing {

class MemoryObjectStore final : public storage::ObjectStore {
 public:
  // `doing` is "list", "head", "get", "put", "remove", "begin", "part", "complete" or "abort".
  using Fault = std::function<std::optional<Error>(std::string_view doing, const storage::Key&)>;

  explicit MemoryObjectStore(const Clock& clock) : clock_(clock) {}
  void set_fault(Fault fault) { fault_ = std::move(fault); }

  struct Object {
    std::string bytes;
    Instant modified_at{};
    int version = 0;
  };
  std::map<std::string, Object> objects;
  std::map<std::string, std::map<int, std::string>> uploads;  // by "key id"
  std::vector<std::string> log;                               // "put a/b", in order

  void write(const std::string& key, std::string bytes) {
    objects[key] = {std::move(bytes), clock_.now(), ++versions_};
  }
  [[nodiscard]] std::vector<storage::ObjectInfo> listing() const {
    std::vector<storage::ObjectInfo> all;
    for (const auto& [key, object] : objects)
      all.push_back(info(key, object));
    return all;
  }

  Task<Result<storage::Listing>> list(storage::ListRequest request) override {
    if (auto error = note("list", request.prefix)) co_return fail(*error);
    storage::Listing listing;
    for (const auto& [key, object] : objects) {
      if (!key.starts_with(request.prefix.str()) || key <= request.start_after.str()) continue;
      const std::size_t cut = request.delimiter.empty()
                                  ? std::string::npos
                                  : key.find(request.delimiter, request.prefix.str().size());
      if (cut == std::string::npos) {
        listing.objects.push_back(info(key, object));
      } else if (const storage::Key folder(key.substr(0, cut + 1));
                 listing.folders.empty() || listing.folders.back() != folder) {
        listing.folders.push_back(folder);
      }
    }
    if (listing.objects.size() > request.max_entries) {
      co_return fail(ErrorCode::kRejected, "too many objects");
    }
    co_return listing;
  }
  Task<Result<storage::ObjectInfo>> head(storage::Key key) override {
    if (auto error = note("head", key)) co_return fail(*error);
    const auto found = objects.find(key.str());
    if (found == objects.end()) co_return fail(ErrorCode::kNotFound, "no such key");
    co_return info(found->first, found->second);
  }
  Task<Result<storage::ObjectData>> get(storage::Key key, std::optional<storage::ByteRange> range,
                                        std::size_t max_bytes) override {
    if (auto error = note("get", key)) co_return fail(*error);
    const auto found = objects.find(key.str());
    if (found == objects.end()) co_return fail(ErrorCode::kNotFound, "no such key");
    const std::string& all = found->second.bytes;
    std::string bytes = all;
    if (range) bytes = range->first < all.size() ? all.substr(range->first, range->length) : "";
    if (bytes.size() > max_bytes) co_return fail(ErrorCode::kRejected, "too long");
    co_return storage::ObjectData{std::move(bytes), info(key.str(), found->second).tag,
                                  Bytes(static_cast<std::int64_t>(all.size()))};
  }
  Task<Result<storage::EntityTag>> put(storage::Key key, std::string bytes,
                                       storage::WriteCondition condition) override {
    if (auto error = note("put", key)) co_return fail(*error);
    const auto found = objects.find(key.str());
    const bool taken = condition == storage::WriteCondition::kIfAbsent && found != objects.end();
    if (taken && found->second.bytes != bytes) {
      co_return fail(ErrorCode::kAlreadyExists, key.str() + " holds something else");
    }
    if (!taken) write(key.str(), std::move(bytes));
    co_return storage::EntityTag("\"" + std::to_string(versions_) + "\"");
  }
  Task<Result<void>> remove(storage::Key key) override {
    if (auto error = note("remove", key)) co_return fail(*error);
    objects.erase(key.str());
    co_return Result<void>();
  }
  Task<Result<storage::UploadId>> begin_upload(storage::Key key) override {
    if (auto error = note("begin", key)) co_return fail(*error);
    storage::UploadId id(std::to_string(++versions_));
    uploads[key.str() + " " + id.str()];
    co_return id;
  }
  Task<Result<storage::UploadedPart>> upload_part(storage::Key key, storage::UploadId id,
                                                  int number, std::string bytes,
                                                  storage::Sha256) override {
    if (auto error = note("part", key)) co_return fail(*error);
    uploads.at(key.str() + " " + id.str())[number] = std::move(bytes);
    co_return storage::UploadedPart{.number = number, .tag = storage::EntityTag("\"part\"")};
  }
  Task<Result<storage::EntityTag>> complete_upload(
      storage::Key key, storage::UploadId id, std::vector<storage::UploadedPart> parts) override {
    if (auto error = note("complete", key)) co_return fail(*error);
    auto upload = uploads.extract(key.str() + " " + id.str());
    std::string all;
    for (const storage::UploadedPart& part : parts)
      all += upload.mapped().at(part.number);
    write(key.str(), std::move(all));
    co_return storage::EntityTag("\"whole\"");
  }
  Task<Result<void>> abort_upload(storage::Key key, storage::UploadId id) override {
    if (auto error = note("abort", key)) co_return fail(*error);
    uploads.erase(key.str() + " " + id.str());
    co_return Result<void>();
  }
  Task<Result<std::vector<storage::OpenUpload>>> open_uploads(storage::Key prefix) override {
    if (auto error = note("uploads", prefix)) co_return fail(*error);
    std::vector<storage::OpenUpload> open;
    for (const auto& [name, parts] : uploads) {
      const std::size_t blank = name.rfind(' ');
      open.push_back({.key = storage::Key(name.substr(0, blank)),
                      .id = storage::UploadId(name.substr(blank + 1))});
    }
    co_return open;
  }

 private:
  std::optional<Error> note(std::string_view doing, const storage::Key& key) {
    log.push_back(std::string(doing) + " " + key.str());
    return fault_ ? fault_(doing, key) : std::nullopt;
  }
  static storage::ObjectInfo info(const std::string& key, const Object& object) {
    return {.key = storage::Key(key),
            .size = Bytes(static_cast<std::int64_t>(object.bytes.size())),
            .tag = storage::EntityTag("\"" + std::to_string(object.version) + "\""),
            .modified_at = object.modified_at};
  }

  const Clock& clock_;
  Fault fault_;
  int versions_ = 0;
};

}  // namespace spillway::testing
