#include <algorithm>

#include <spillway/core/log.h>
#include <spillway/storage/transfer.h>

#include "file.h"
#include "hasher.h"
#include "helpers.h"
#include "parallel.h"

namespace spillway::storage {
namespace {

constexpr std::int64_t kMaxChunks = 10'000;
constexpr std::int64_t kMiB = std::int64_t{1} << 20;

struct Sending {
  File file;
  Key key;  // absolute
  ManifestPart part;
  std::optional<UploadId> upload;  // of a file in several chunks, until it is completed
  std::vector<UploadedPart> uploaded;
  std::size_t sent = 0;  // chunks
  [[nodiscard]] bool large() const { return part.chunks.size() > 1; }
};

struct Chunk {
  std::size_t file = 0;
  std::size_t index = 0;  // in the file
};

std::int64_t chunk_size_for(std::int64_t size, std::int64_t wanted) {
  if (size <= wanted * kMaxChunks) return wanted;
  const std::int64_t least = size / kMaxChunks + 1;
  return (least + kMiB - 1) / kMiB * kMiB;
}

struct ReadChunk {
  std::string bytes;
  Sha256 hash;
};

Result<ReadChunk> read_chunk(const File& file, std::int64_t offset, std::int64_t length) {
  TRY(bytes, file.read(static_cast<std::uint64_t>(offset), static_cast<std::size_t>(length)));
  Hasher hasher;
  hasher.update(bytes);
  return ReadChunk{.bytes = std::move(bytes), .hash = hasher.finish()};
}

class Upload {
 public:
  Upload(Runtime runtime, ObjectStore& store, const TransferOptions& options)
      : runtime_(std::move(runtime)),
        store_(store),
        options_(options),
        gate_(runtime_.timers, options_.memory.value()),
        helpers_(options_.helper_threads) {}

  Result<void> open(const Key& folder, const std::vector<FileToSend>& files) {
    for (const FileToSend& wanted : files) {
      TRY(file, File::open_to_read(wanted.path));
      TRY(length, file.size());
      const auto size = static_cast<std::int64_t>(length);
      const std::int64_t chunk = chunk_size_for(size, options_.chunk_size.value());
      const auto chunks =
          static_cast<std::size_t>(std::max<std::int64_t>(1, (size + chunk - 1) / chunk));
      ManifestPart part{.key = wanted.key, .size = Bytes(size), .chunk_size = Bytes(chunk)};
      part.chunks.resize(chunks);
      files_.push_back({.file = std::move(file),
                        .key = Key(folder.str() + wanted.key.str()),
                        .part = std::move(part)});
      files_.back().uploaded.resize(chunks);
      for (std::size_t i = 0; i < chunks; ++i)
        chunks_.push_back({.file = files_.size() - 1, .index = i});
    }
    return {};
  }

  Task<Result<std::vector<ManifestPart>>> run() {
    auto sent = co_await send_all();
    if (!sent) {
      co_await give_back();
      co_return fail(std::move(sent).error());
    }
    std::vector<ManifestPart> parts;
    parts.reserve(files_.size());
    for (Sending& file : files_)
      parts.push_back(std::move(file.part));
    co_return parts;
  }

 private:
  Task<Result<void>> send_all() {
    TRY_VOID_CO(co_await each(files_.size(), [this](std::size_t i) { return begin(i); }));
    co_return co_await each(chunks_.size(), [this](std::size_t i) { return send(i); });
  }

  template <class Item>
  Task<Result<void>> each(std::size_t count, Item item) {
    std::function<Task<Result<void>>(std::size_t)> function(std::move(item));
    return for_each_parallel(runtime_, count, options_.parallel, std::move(function));
  }

  Task<Result<void>> begin(std::size_t index) {
    Sending& file = files_[index];
    if (!file.large()) co_return Result<void>();
    TRY_CO(id, co_await store_.begin_upload(file.key));
    file.upload = std::move(id);
    co_return Result<void>();
  }

  // A file is completed with its last chunk: the store puts it together while others are sent.
  Task<Result<void>> send(std::size_t index) {
    const Chunk chunk = chunks_[index];
    TRY_VOID_CO(co_await send_chunk(chunk));
    Sending& file = files_[chunk.file];
    if (++file.sent < file.part.chunks.size()) co_return Result<void>();
    co_return co_await complete(chunk.file);
  }

  Task<Result<void>> send_chunk(Chunk chunk) {
    Sending& file = files_[chunk.file];
    const std::int64_t offset =
        static_cast<std::int64_t>(chunk.index) * file.part.chunk_size.value();
    const std::int64_t length =
        std::min(file.part.chunk_size.value(), file.part.size.value() - offset);
    const auto hold = co_await gate_.enter(length);
    auto reading = [from = &file.file, offset, length] {
      return read_chunk(*from, offset, length);
    };
    TRY_CO(read, co_await helpers_.run(std::move(reading)));
    file.part.chunks[chunk.index] = read.hash;
    if (!file.upload) {
      TRY_CO(tag, co_await store_.put(file.key, std::move(read.bytes), WriteCondition::kNone));
      co_return Result<void>();
    }
    const int number = static_cast<int>(chunk.index) + 1;
    TRY_CO(part, co_await store_.upload_part(file.key, *file.upload, number, std::move(read.bytes),
                                             read.hash));
    file.uploaded[chunk.index] = std::move(part);
    co_return Result<void>();
  }

  Task<Result<void>> complete(std::size_t index) {
    Sending& file = files_[index];
    TRY_CO(size, file.file.size());
    if (static_cast<std::int64_t>(size) != file.part.size.value()) {
      co_return fail(ErrorCode::kConflict, file.part.key.str() + " changed while it was uploaded");
    }
    if (!file.upload) co_return Result<void>();
    TRY_CO(tag, co_await store_.complete_upload(file.key, *file.upload, file.uploaded));
    file.upload.reset();
    co_return Result<void>();
  }

  // Parts that nobody completes cost money and are not listed.
  Task<void> give_back() {
    for (Sending& file : files_) {
      if (!file.upload) continue;
      const auto aborted = co_await store_.abort_upload(file.key, *file.upload);
      if (!aborted) {
        log::warning("an upload could not be given back; a lifecycle rule of the bucket should",
                     {{"key", file.key.str()}, {"error", aborted.error().message}});
      }
    }
  }

  Runtime runtime_;
  ObjectStore& store_;
  TransferOptions options_;
  ByteGate gate_;
  std::vector<Sending> files_;
  std::vector<Chunk> chunks_;
  Helpers helpers_;  // last: they use the files
};

}  // namespace

Task<Result<std::vector<ManifestPart>>> upload_files(const Runtime& runtime, ObjectStore& store,
                                                     Key folder, std::vector<FileToSend> files,
                                                     TransferOptions options) {
  Upload upload(runtime, store, options);
  TRY_VOID_CO(upload.open(folder, files));
  co_return co_await upload.run();
}

}  // namespace spillway::storage
