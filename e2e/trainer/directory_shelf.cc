#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "shelf.h"

namespace spillway::trainer {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "step-";
constexpr std::string_view kPartial = ".partial";
constexpr std::size_t kDigits = 12;
constexpr const char* kMarker = "_SUCCESS";

std::string folder_name(Step step) {
  const std::string digits = std::to_string(step.value());
  return std::string(kPrefix) + std::string(kDigits - std::min(kDigits, digits.size()), '0') +
         digits;
}

std::optional<Step> parse_folder_name(std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  std::int64_t step = 0;
  const auto parsed = std::from_chars(name.data(), name.data() + name.size(), step);
  if (parsed.ec != std::errc() || parsed.ptr != name.data() + name.size()) return std::nullopt;
  return Step(step);
}

tl::unexpected<Error> failed(std::string_view what, const fs::path& path) {
  return fail(ErrorCode::kInternal,
              std::string(what) + " " + path.string() + ": " + std::strerror(errno));
}

// Names and contents survive a power cut from here on.
Result<void> synchronise(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return failed("opening", path);
  const int synchronised = ::fsync(descriptor);
  ::close(descriptor);
  if (synchronised != 0) return failed("synchronising", path);
  return {};
}

Result<void> write_file(const fs::path& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) return failed("writing", path);
  return synchronise(path);
}

class DirectoryShelf final : public Shelf {
 public:
  DirectoryShelf(fs::path directory, Place place, int keep)
      : directory_(std::move(directory)), place_(place), keep_(keep) {}

  Result<std::vector<Step>> steps() override {
    std::vector<Step> found;
    std::error_code error;
    for (fs::directory_iterator i(directory_, error), end; !error && i != end; i.increment(error)) {
      const auto step = parse_folder_name(i->path().filename().string());
      if (step && fs::exists(i->path() / shard_name(place_))) found.push_back(*step);
    }
    if (error) {
      errno = error.value();
      return failed("listing", directory_);
    }
    std::ranges::sort(found);
    return found;
  }

  Result<std::string> read(Step step) override {
    const fs::path path = directory_ / folder_name(step) / shard_name(place_);
    std::ifstream file(path, std::ios::binary);
    std::ostringstream bytes;
    bytes << file.rdbuf();
    if (!file || !bytes) return failed("reading", path);
    return std::move(bytes).str();
  }

  Result<void> write(Step step, std::string bytes) override {
    const fs::path whole = directory_ / folder_name(step);
    fs::path partial = whole;
    partial += kPartial;
    std::error_code error;
    fs::remove_all(partial, error);
    if (!error) fs::create_directories(partial, error);
    if (error) {
      errno = error.value();
      return failed("making", partial);
    }
    TRY_VOID(write_file(partial / shard_name(place_), bytes));
    TRY_VOID(write_file(partial / kMarker, ""));
    TRY_VOID(synchronise(partial));
    fs::remove_all(whole, error);  // of a life in which the other ranks did not get as far
    if (!error) fs::rename(partial, whole, error);
    if (error) {
      errno = error.value();
      return failed("renaming", partial);
    }
    return synchronise(directory_);
  }

  Result<void> commit(Step /*step*/) override {
    TRY(found, steps());
    const auto keep = static_cast<std::size_t>(std::max(keep_, 1));
    for (std::size_t i = 0; i + keep < found.size(); ++i) {
      std::error_code error;
      const fs::path old = directory_ / folder_name(found[i]);
      fs::remove_all(old, error);
      if (error) {
        errno = error.value();
        return failed("removing", old);
      }
    }
    return {};
  }

 private:
  fs::path directory_;
  Place place_;
  int keep_;
};

}  // namespace

std::unique_ptr<Shelf> make_directory_shelf(std::string directory, Place place, int keep) {
  return std::make_unique<DirectoryShelf>(std::move(directory), place, keep);
}

}  // namespace spillway::trainer
