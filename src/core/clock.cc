#include <spillway/core/clock.h>

#include <random>

namespace spillway {
namespace {

class SystemClock final : public Clock {
 public:
  Instant now() const override {
    return std::chrono::time_point_cast<std::chrono::milliseconds>(
        std::chrono::system_clock::now());
  }
  MonotonicTime monotonic() const override {
    const auto since_boot = std::chrono::steady_clock::now().time_since_epoch();
    return MonotonicTime(std::chrono::duration_cast<std::chrono::milliseconds>(since_boot));
  }
};

// SplitMix64 (Steele, Lea, Flood 2014): one multiplication chain a number, every seed is a good
// seed.
class SplitMix final : public Random {
 public:
  explicit SplitMix(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() override {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t state_;
};

}  // namespace

std::unique_ptr<Clock> make_system_clock() {
  return std::make_unique<SystemClock>();
}
std::unique_ptr<Random> make_random(std::uint64_t seed) {
  return std::make_unique<SplitMix>(seed);
}
std::unique_ptr<Random> make_entropy_random() {
  std::random_device device;
  return make_random((static_cast<std::uint64_t>(device()) << 32) | device());
}

}  // namespace spillway
