#pragma once
// A folder of market files that lives as long as the test.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace spillway::sim {

class MarketFolder {
 public:
  MarketFolder() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    path_ = std::filesystem::path(testing::TempDir()) /
            (std::string("market-") + test->test_suite_name() + "-" + test->name());
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~MarketFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  MarketFolder(const MarketFolder&) = delete;
  MarketFolder& operator=(const MarketFolder&) = delete;

  void write(const std::string& file, const std::string& content) const {
    std::filesystem::create_directories((path_ / file).parent_path());
    std::ofstream out(path_ / file, std::ios::binary);
    out << content;
    ASSERT_TRUE(out.good()) << file;
  }
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace spillway::sim
