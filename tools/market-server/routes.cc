#include "routes.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include <spillway/core/text.h>

namespace spillway::market_server {
namespace {

constexpr std::size_t kMaxAdminBytes = 4096;
constexpr double kFastest = 1e6;

ServerResponse plain(int status, std::string text) {
  return {.status = status, .body = std::move(text) + "\n"};
}

ServerResponse show(const MarketTime& time) {
  const nlohmann::json out{{"at", format_instant(time.now())}, {"speed", time.speed()}};
  return {.content_type = "application/json", .body = out.dump() + "\n"};
}

// {"at": "...", "speed": 60}, or the same in the query.
Result<nlohmann::json> admin_request(const ServerRequest& request) {
  if (request.body.size() > kMaxAdminBytes) return invalid("the body is too long");
  if (!trim(request.body).empty()) {
    auto body = nlohmann::json::parse(request.body, nullptr, false);
    if (!body.is_object()) {
      return invalid("the body is no JSON object: write {\"at\": \"2020-01-14T03:10:00Z\"}");
    }
    return body;
  }
  TRY(parameters, cloud::decode_form(request.query));
  auto out = nlohmann::json::object();
  for (const auto& [name, value] : parameters) {
    out[name] = value;
    const auto number = nlohmann::json::parse(value, nullptr, false);
    if (name == "speed" && number.is_number()) out[name] = number;
  }
  return out;
}

Result<void> set_time(const ServerRequest& request, MarketTime& time) {
  TRY(wanted, admin_request(request));
  Instant at = time.now();
  double speed = time.speed();
  for (const auto& [name, value] : wanted.items()) {
    if (name == "at" && value.is_string()) {
      TRY(parsed, parse_instant(value.get_ref<const std::string&>()));
      at = parsed;
    } else if (name == "speed" && value.is_number()) {
      speed = value.get<double>();
    } else {
      return invalid("'" + shorten(name, 40) +
                     "' is not understood: write \"at\" as RFC 3339 and \"speed\" as a number");
    }
  }
  if (!std::isfinite(speed) || speed < 0 || speed > kFastest) {
    return invalid("'speed' has to be from 0 to 1000000");
  }
  time.set(at, speed);
  return {};
}

ServerResponse admin(const ServerRequest& request, MarketTime& time) {
  if (request.method == "GET") return show(time);
  if (request.method != "POST") return plain(405, "use GET or POST");
  if (const auto set = set_time(request, time); !set) return plain(400, set.error().message);
  return show(time);
}

}  // namespace

Handler make_handler(Ec2Api& api, MarketTime& time, RouteOptions options) {
  return [&api, &time, options = std::move(options)](const ServerRequest& request) {
    if (request.path == "/healthz") return plain(200, "ok");
    if (request.path == "/on-demand.csv" && !options.on_demand_csv.empty()) {
      return ServerResponse{.content_type = "text/csv; charset=utf-8",
                            .body = options.on_demand_csv};
    }
    if (request.path == "/admin/time" && options.admin) return admin(request, time);
    if (request.path != "/") {
      return plain(404, "there is nothing at this path (/admin/time needs --admin)");
    }
    return api.answer(request);
  };
}

}  // namespace spillway::market_server
