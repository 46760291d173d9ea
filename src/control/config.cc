#include <spillway/control/config.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include <yaml-cpp/eventhandler.h>

#include "config_notices.h"
#include "config_reader.h"
#include "config_stores.h"

namespace spillway::control {
namespace {

constexpr std::size_t kMaxDepth = 16;

// Runs over the events of the parser before a document is made of them.
class Guard final : public YAML::EventHandler {
 public:
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { check(mark, anchor); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override { check(mark, anchor); }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                const std::string&) override {
    check(mark, anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    enter(mark, anchor);
  }
  void OnSequenceEnd() override { --depth_; }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    enter(mark, anchor);
  }
  void OnMapEnd() override { --depth_; }

 private:
  void check(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor == YAML::NullAnchor) return;
    complain(mark, "anchors and aliases ('&' and '*') are not accepted: write the value out");
  }
  void enter(const YAML::Mark& mark, YAML::anchor_t anchor) {
    check(mark, anchor);
    if (++depth_ > kMaxDepth) complain(mark, "nothing here is nested that deep: remove brackets");
  }
  void complain(const YAML::Mark& mark, const std::string& sentence) {
    if (trouble_.empty()) trouble_ = at_line(mark) + sentence;
  }

  std::size_t depth_ = 0;
  std::string trouble_;
};

Result<void> guard(const std::string& yaml) {
  std::istringstream in(yaml);
  YAML::Parser parser(in);
  Guard handler;
  if (!parser.HandleNextDocument(handler)) return {};
  if (!handler.trouble().empty()) return invalid(handler.trouble());
  if (parser.HandleNextDocument(handler)) {
    return invalid("the file has more than one document: remove what follows '---'");
  }
  return {};
}

Result<market::AwsSpotSource> read_aws(const Value& value) {
  TRY(section, Section::open(value, {"region", "endpoint", "credentials"}));
  if (!section.has("region")) return section.missing("region", "us-east-1");
  market::AwsSpotSource source;
  TRY(region, text_of(section["region"]));
  source.region = Region(std::move(region));
  TRY(endpoint, text_or(section["endpoint"], ""));
  source.endpoint = std::move(endpoint);
  const Value credentials = section["credentials"];
  if (credentials.absent()) return source;
  if (credentials.node.IsScalar() && credentials.node.Scalar() == "environment") return source;
  if (!credentials.node.IsMap())
    return credentials.wrong("has to be environment or {directory: PATH}");
  TRY(from, Section::open(credentials, {"directory"}));
  if (!from.has("directory")) return from.missing("directory", "/var/run/secrets/aws");
  TRY(folder, text_of(from["directory"]));
  source.credentials_folder = std::move(folder);
  return source;
}

Result<market::FileSource> read_file(const Value& value) {
  TRY(section, Section::open(value, {"path", "region"}));
  if (!section.has("path")) return section.missing("path", "/etc/spillway/prices.csv");
  TRY(path, text_of(section["path"]));
  TRY(region, text_or(section["region"], ""));
  return market::FileSource{.path = std::move(path), .region = Region(std::move(region))};
}

Result<market::FixedPrice> read_fixed_price(const Value& value) {
  TRY(section, Section::open(value, {"instanceType", "zone", "perNodeHour"}));
  if (!section.has("instanceType")) return section.missing("instanceType", "p3.2xlarge");
  if (!section.has("perNodeHour")) return section.missing("perNodeHour", "\"0.97\"");
  TRY(instance_type, text_of(section["instanceType"]));
  TRY(zone, text_or(section["zone"], ""));
  TRY(price, text_of(section["perNodeHour"]));
  const auto rate = HourlyRate::parse(price);
  if (!rate) {
    return section["perNodeHour"].wrong(
        "is " + in_quotes(price) +
        ": write US dollars per hour as a plain decimal, such as \"0.97\"");
  }
  return market::FixedPrice{.instance_type = InstanceType(std::move(instance_type)),
                            .zone = Zone(std::move(zone)),
                            .per_node = *rate};
}

Result<market::FixedSource> read_fixed(const Value& value) {
  TRY(section, Section::open(value, {"prices"}));
  market::FixedSource source;
  TRY_VOID(for_each(section["prices"], [&](const Value& element) -> Result<void> {
    TRY(price, read_fixed_price(element));
    source.prices.push_back(std::move(price));
    return {};
  }));
  return source;
}

Result<market::FeedConfig> read_feed(const Value& value) {
  TRY(section,
      Section::open(value, {"name", "awsSpot", "file", "fixed", "pollInterval", "freshFor"}));
  if (!section.has("name")) return section.missing("name", "aws-us-east-1");
  market::FeedConfig feed;
  TRY(name, text_of(section["name"]));
  feed.name = FeedName(std::move(name));
  if (section.has("awsSpot") + section.has("file") + section.has("fixed") != 1) {
    return value.wrong("has to have exactly one of awsSpot, file and fixed");
  }
  if (section.has("awsSpot")) {
    TRY(source, read_aws(section["awsSpot"]));
    feed.source = std::move(source);
  } else if (section.has("file")) {
    TRY(source, read_file(section["file"]));
    feed.source = std::move(source);
  } else {
    TRY(source, read_fixed(section["fixed"]));
    feed.source = std::move(source);
  }
  TRY_VOID(read_duration(section["pollInterval"], std::chrono::seconds(1), feed.poll_interval));
  if (!section.has("freshFor")) return feed;
  TRY_VOID(read_duration(section["freshFor"], std::chrono::seconds(1), feed.freshness.emplace()));
  if (*feed.freshness < feed.poll_interval) {
    return section["freshFor"].wrong("is shorter than pollInterval (" +
                                     format_duration(feed.poll_interval) +
                                     "), so that every price would be stale between polls: write "
                                     "at least three times the interval");
  }
  return feed;
}

Result<plan::Config> read_placement(const Value& value) {
  TRY(section,
      Section::open(value, {"moveMarginPercent", "minRun", "restartDelay", "assumedDuration"}));
  plan::Config config;
  TRY_VOID(read_percent(section["moveMarginPercent"], config.move_margin_percent));
  TRY_VOID(read_duration(section["minRun"], Duration(0), config.min_run));
  TRY_VOID(read_duration(section["restartDelay"], Duration(0), config.restart_delay));
  TRY_VOID(
      read_duration(section["assumedDuration"], std::chrono::minutes(1), config.assumed_duration));
  return config;
}

Result<OperatorConfig> read_document(const YAML::Node& document) {
  TRY(top, Section::open({document, ""}, {"feeds", "onDemandCatalogue", "placement", "stores",
                                          "agent", "notices"}));
  OperatorConfig config;
  TRY_VOID(for_each(top["feeds"], [&](const Value& element) -> Result<void> {
    TRY(feed, read_feed(element));
    config.market.feeds.push_back(std::move(feed));
    return {};
  }));
  TRY(catalogue, Section::open(top["onDemandCatalogue"], {"path"}));
  if (top.has("onDemandCatalogue") && !catalogue.has("path")) {
    return catalogue.missing("path", "/etc/spillway/on-demand.csv");
  }
  TRY(path, text_or(catalogue["path"], ""));
  config.market.on_demand_catalogue = std::move(path);
  TRY(placement, read_placement(top["placement"]));
  config.placement = placement;
  TRY(stores, read_stores(top["stores"]));
  config.stores = std::move(stores);
  TRY(agent, read_agent(top["agent"]));
  config.agent = std::move(agent);
  TRY(notices, read_notices(top["notices"]));
  config.notices = std::move(notices);
  TRY_VOID(market::validate(config.market));
  return config;
}

}  // namespace

Result<OperatorConfig> parse_config(std::string_view yaml) {
  if (yaml.size() > kMaxConfigBytes) {
    return invalid("the configuration has " + std::to_string(yaml.size()) +
                   " bytes: write at most " + std::to_string(kMaxConfigBytes) +
                   ", and prices into files that a feed names");
  }
  try {
    const std::string text(yaml);
    TRY_VOID(guard(text));
    return read_document(YAML::Load(text));
  } catch (const YAML::Exception& error) {
    return invalid(at_line(error.mark) + "this is not YAML: " + error.msg);
  }
}

Result<std::string> read_config_file(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    return invalid("there is no configuration file '" + path +
                   "': write the path of a file, or leave --config out");
  }
  std::ifstream file(path, std::ios::binary);
  std::string content(kMaxConfigBytes + 1, '\0');
  file.read(content.data(), static_cast<std::streamsize>(content.size()));
  if (file.bad() || (file.fail() && !file.eof()))
    return invalid("the configuration file '" + path + "' cannot be read");
  content.resize(static_cast<std::size_t>(file.gcount()));
  if (content.size() > kMaxConfigBytes) {
    return invalid("the configuration file '" + path + "' is larger than " +
                   std::to_string(kMaxConfigBytes) + " bytes");
  }
  return content;
}

}  // namespace spillway::control
