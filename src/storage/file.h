#pragma once
// Files at offsets, closed by themselves, errors as values.

#include <cstdint>
#include <string>
#include <string_view>

#include <spillway/core/result.h>

namespace spillway::storage {

class File {
 public:
  static Result<File> open_to_read(const std::string& path);
  // Makes a new file; its folders exist.
  static Result<File> create(const std::string& path);
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  [[nodiscard]] Result<std::uint64_t> size() const;
  // Exactly `length` bytes; kConflict when the file is shorter.
  [[nodiscard]] Result<std::string> read(std::uint64_t offset, std::size_t length) const;
  Result<void> write(std::uint64_t offset, std::string_view bytes);
  Result<void> sync();  // durable

 private:
  File(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
  [[nodiscard]] tl::unexpected<Error> failed(std::string_view doing) const;

  int descriptor_ = -1;
  std::string path_;
};

// Makes the names in a directory durable.
Result<void> sync_directory(const std::string& path);

}  // namespace spillway::storage
