#include <algorithm>
#include <filesystem>
#include <set>

#include <spillway/storage/transfer.h>

#include "file.h"
#include "hasher.h"
#include "helpers.h"
#include "parallel.h"

namespace spillway::storage {
namespace {

struct Receiving {
  File file;
  Key key;  // absolute
  ManifestPart part;
};

struct Chunk {
  std::size_t file = 0;
  std::size_t index = 0;
};

class Download {
 public:
  Download(Runtime runtime, ObjectStore& store, const TransferOptions& options)
      : runtime_(std::move(runtime)),
        store_(store),
        options_(options),
        gate_(runtime_.timers, options_.memory.value()),
        helpers_(options_.helper_threads) {}

  Result<void> open(const Key& folder, std::vector<ManifestPart> parts, const std::string& target) {
    for (ManifestPart& part : parts) {
      const std::filesystem::path path = std::filesystem::path(target) / part.key.str();
      std::error_code error;
      std::filesystem::create_directories(path.parent_path(), error);
      if (error) {
        return fail(ErrorCode::kInternal,
                    "making " + path.parent_path().string() + ": " + error.message());
      }
      for (auto above = path.parent_path(); above.string().size() > target.size();
           above = above.parent_path())
        directories_.insert(above.string());
      TRY(file, File::create(path.string()));
      for (std::size_t i = 0; i < part.chunks.size(); ++i)
        chunks_.push_back({.file = files_.size(), .index = i});
      Key key(folder.str() + part.key.str());
      files_.push_back({.file = std::move(file), .key = std::move(key), .part = std::move(part)});
    }
    directories_.insert(target);
    return {};
  }

  Task<Result<void>> run() {
    std::function<Task<Result<void>>(std::size_t)> item = [this](std::size_t i) {
      return receive(i);
    };
    TRY_VOID_CO(
        co_await for_each_parallel(runtime_, chunks_.size(), options_.parallel, std::move(item)));
    if (!options_.durable) co_return Result<void>();
    for (Receiving& file : files_) {
      TRY_VOID_CO(file.file.sync());
    }
    for (const std::string& directory : directories_) {
      TRY_VOID_CO(sync_directory(directory));
    }
    co_return Result<void>();
  }

 private:
  // A chunk of a foreign manifest may be a whole file: read piece by piece.
  Task<Result<void>> receive(std::size_t index) {
    const Chunk chunk = chunks_[index];
    Receiving& file = files_[chunk.file];
    const std::int64_t begin =
        static_cast<std::int64_t>(chunk.index) * file.part.chunk_size.value();
    const std::int64_t end = std::min(begin + file.part.chunk_size.value(), file.part.size.value());
    const auto hasher = std::make_shared<Hasher>();
    for (std::int64_t at = begin; at < end;) {
      const std::int64_t length = std::min(options_.chunk_size.value(), end - at);
      const auto hold = co_await gate_.enter(length);
      TRY_CO(bytes, co_await fetch(file, at, length));
      auto keeping = [to = &file.file, at, hasher, bytes = std::move(bytes)] {
        hasher->update(bytes);
        return to->write(static_cast<std::uint64_t>(at), bytes);
      };
      TRY_VOID_CO(co_await helpers_.run(std::move(keeping)));
      at += length;
    }
    if (hasher->finish() != file.part.chunks[chunk.index]) {
      co_return fail(ErrorCode::kRejected, "the object " + file.key.str() +
                                               " is damaged: its bytes are not those of the "
                                               "manifest");
    }
    co_return Result<void>();
  }

  Task<Result<std::string>> fetch(const Receiving& file, std::int64_t at, std::int64_t length) {
    const ByteRange range{.first = static_cast<std::uint64_t>(at),
                          .length = static_cast<std::uint64_t>(length)};
    TRY_CO(data, co_await store_.get(file.key, range, static_cast<std::size_t>(length)));
    if (static_cast<std::int64_t>(data.bytes.size()) != length ||
        data.object_size != file.part.size) {
      co_return fail(ErrorCode::kRejected,
                     "the object " + file.key.str() + " has another size than the manifest says");
    }
    co_return std::move(data.bytes);
  }

  Runtime runtime_;
  ObjectStore& store_;
  TransferOptions options_;
  ByteGate gate_;
  std::vector<Receiving> files_;
  std::vector<Chunk> chunks_;
  std::set<std::string> directories_;
  Helpers helpers_;  // last: they use the files
};

}  // namespace

Task<Result<void>> download_files(const Runtime& runtime, ObjectStore& store, Key folder,
                                  std::vector<ManifestPart> parts, std::string target,
                                  TransferOptions options) {
  Download download(runtime, store, options);
  TRY_VOID_CO(download.open(folder, std::move(parts), target));
  co_return co_await download.run();
}

}  // namespace spillway::storage
