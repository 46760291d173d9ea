#pragma once
// Building blocks of /metrics: one family with its bound.

#include <cstddef>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>

#include <spillway/control/controller.h>
#include <spillway/core/time.h>

namespace spillway::control {

struct Label {
  std::string_view name;
  std::string value;
};

// Collects families. Of two series with the same labels the first stays.
class Families {
 public:
  explicit Families(std::size_t max_series) : max_series_(max_series) {}

  class Family {
   public:
    Family(Families& owner, std::size_t index) : owner_(&owner), index_(index) {}
    Family& add(double value, std::initializer_list<Label> labels = {});
    Family& add(const DurationHistogram& histogram, std::initializer_list<Label> labels = {});

   private:
    // nullptr when there is no room, or when that series is there already.
    prometheus::ClientMetric* begin(std::initializer_list<Label> labels);

    Families* owner_;
    std::size_t index_;
  };

  Family gauge(std::string_view name, std::string_view help);
  Family histogram(std::string_view name, std::string_view help);
  Family counter(std::string_view name, std::string_view help);  // the name ends in _total

  [[nodiscard]] std::size_t left_out() const { return left_out_; }
  // Sorted by name.
  std::vector<prometheus::MetricFamily> take();

 private:
  Family begin(std::string_view name, std::string_view help, prometheus::MetricType type);

  std::size_t max_series_;
  std::size_t left_out_ = 0;
  std::vector<prometheus::MetricFamily> families_;
  std::vector<std::set<std::vector<prometheus::ClientMetric::Label>>> seen_;
};

inline double seconds(Duration duration) {
  return static_cast<double>(duration.count()) / 1000.0;
}
inline double timestamp(Instant instant) {
  return seconds(instant.time_since_epoch());
}

}  // namespace spillway::control
