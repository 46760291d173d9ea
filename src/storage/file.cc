#include "file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace spillway::storage {
namespace {

tl::unexpected<Error> system_error(std::string_view doing, const std::string& path) {
  const int number = errno;
  const ErrorCode code = number == ENOENT   ? ErrorCode::kNotFound
                         : number == EACCES ? ErrorCode::kForbidden
                                            : ErrorCode::kInternal;
  return fail(code,
              std::string(doing) + " " + path + ": " + std::system_category().message(number));
}

}  // namespace

Result<File> File::open_to_read(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return system_error("opening", path);
  return File(descriptor, path);
}

Result<File> File::create(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (descriptor < 0) return system_error("creating", path);
  return File(descriptor, path);
}

File::File(File&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}

File& File::operator=(File&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  return *this;
}

File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

tl::unexpected<Error> File::failed(std::string_view doing) const {
  return system_error(doing, path_);
}

Result<std::uint64_t> File::size() const {
  struct stat status{};
  if (::fstat(descriptor_, &status) != 0) return failed("looking at");
  return static_cast<std::uint64_t>(status.st_size);
}

Result<std::string> File::read(std::uint64_t offset, std::size_t length) const {
  std::string bytes(length, '\0');
  std::size_t done = 0;
  while (done < length) {
    const auto got =
        ::pread(descriptor_, bytes.data() + done, length - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("reading");
    if (got == 0) {
      return fail(ErrorCode::kConflict, path_ + " became shorter while it was read");
    }
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

Result<void> File::write(std::uint64_t offset, std::string_view bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto put = ::pwrite(descriptor_, bytes.data() + done, bytes.size() - done,
                              static_cast<off_t>(offset + done));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return failed("writing");
    done += static_cast<std::size_t>(put);
  }
  return {};
}

Result<void> File::sync() {
  if (::fsync(descriptor_) != 0) return failed("making durable");
  return {};
}

Result<void> sync_directory(const std::string& path) {
  TRY(directory, File::open_to_read(path));
  return directory.sync();
}

}  // namespace spillway::storage
