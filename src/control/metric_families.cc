#include "metric_families.h"

#include <algorithm>

namespace spillway::control {

Families::Family Families::begin(std::string_view name, std::string_view help,
                                 prometheus::MetricType type) {
  families_.push_back({.name = std::string(name), .help = std::string(help), .type = type});
  seen_.emplace_back();
  return {*this, families_.size() - 1};
}

Families::Family Families::gauge(std::string_view name, std::string_view help) {
  return begin(name, help, prometheus::MetricType::Gauge);
}

Families::Family Families::counter(std::string_view name, std::string_view help) {
  return begin(name, help, prometheus::MetricType::Counter);
}

Families::Family& Families::Family::add(double value, std::initializer_list<Label> labels) {
  prometheus::MetricFamily& family = owner_->families_[index_];
  if (family.metric.size() >= owner_->max_series_) {
    ++owner_->left_out_;
    return *this;
  }
  prometheus::ClientMetric metric;
  for (const Label& label : labels)
    metric.label.push_back({std::string(label.name), label.value});
  // Prometheus refuses a whole scrape for one series that is there twice.
  if (!owner_->seen_[index_].insert(metric.label).second) return *this;
  metric.gauge.value = value;
  metric.counter.value = value;
  family.metric.push_back(std::move(metric));
  return *this;
}

std::vector<prometheus::MetricFamily> Families::take() {
  std::sort(families_.begin(), families_.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return std::move(families_);
}

}  // namespace spillway::control
