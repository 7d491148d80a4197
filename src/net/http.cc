#include "net/http.h"

#include <algorithm>
#include <mutex>

#include <fmt/format.h>

#include "base/parse.h"
#include "codec/base64.h"
#include "net/transfer.h"

namespace varve::net {

namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds kLongestHold = std::chrono::minutes(5);

constexpr int kTooBusy[] = {413, 429, 498, 500, 502, 503, 504};  // 498 is Swift's own

/// From the server's own clock where it tells it, to a moment by the same.
nanoseconds until(Time moment, const Response& response) {
  return moment - parse_http_date(response.header("date")).value_or(system_clock().now());
}

/// How long the server wants to be left alone.
nanoseconds asked_pause(const Response& response) {
  if (std::ranges::find(kTooBusy, response.status) == std::end(kTooBusy)) return {};
  const auto told = response.header("retry-after");
  nanoseconds pause{};
  if (const auto seconds = parse_number<uint32_t>(told)) {
    pause = std::chrono::seconds(*seconds);
  } else if (const auto moment = parse_http_date(told)) {
    pause = until(*moment, response);
  }
  return std::clamp(pause, nanoseconds{}, kLongestHold);
}

}  // namespace

std::string_view Response::header(std::string_view lower_case_name) const {
  for (const auto& header : headers) {
    if (header.name == lower_case_name) return header.value;
  }
  return {};
}

struct Client::Pool {
  explicit Pool(const ClientOptions& options) : limits(options) {}

  Limits limits;
  std::mutex mutex;
  std::vector<Handle> idle;
  nanoseconds quiet_until{};

  Handle take() {
    std::lock_guard lock(mutex);
    if (idle.empty()) return Handle(curl_easy_init());
    Handle handle = std::move(idle.back());
    idle.pop_back();
    return handle;
  }
  void give_back(Handle handle) {
    std::lock_guard lock(mutex);
    idle.push_back(std::move(handle));
  }
  void hold(nanoseconds pause) {
    std::lock_guard lock(mutex);
    quiet_until = std::max(quiet_until, system_clock().ticks() + pause);
  }
  nanoseconds left_of_hold() {
    std::lock_guard lock(mutex);
    return quiet_until - system_clock().ticks();
  }
};

Client::Client(ClientOptions options) : options_(std::move(options)), pool_(std::make_unique<Pool>(options_)) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  (void)initialised;
}

Client::~Client() = default;

Result<Response> Client::send(const Request& request, const Cancel& cancel) {
  for (auto left = pool_->left_of_hold(); left.count() > 0; left = pool_->left_of_hold()) {
    if (!cancel.sleep(left)) break;
  }
  TRY(cancel.check());
  Handle handle = pool_->take();
  if (!handle) return fail(ErrorKind::kUnavailable, "there is not enough memory");
  auto response = transfer(handle.get(), options_, pool_->limits, request, cancel);
  pool_->give_back(std::move(handle));
  if (response) pool_->hold(asked_pause(*response));
  return response;
}

Header basic_login(std::string_view user, std::string_view password) {
  return {"authorization", "Basic " + codec::base64(as_bytes(std::string(user) + ':' + std::string(password)))};
}

std::string authority_of(std::string_view url) {
  const size_t scheme = url.find("://");
  const size_t begin = scheme == std::string_view::npos ? 0 : scheme + 3;
  return std::string(url.substr(begin, std::min(url.find_first_of("/?", begin), url.size()) - begin));
}

Target target_of(std::string_view url) {
  const size_t host = url.find("://") + 3;
  const size_t slash = std::min(url.find('/', host), url.size());
  const size_t mark = std::min(url.find('?', slash), url.size());
  const auto path = url.substr(slash, mark - slash);
  return {path.empty() ? "/" : path, mark == url.size() ? "" : url.substr(mark + 1)};
}

std::optional<Time> parse_http_date(std::string_view text) {
  const time_t seconds = curl_getdate(std::string(text).c_str(), nullptr);
  return seconds < 0 ? std::nullopt : std::optional<Time>(std::chrono::sys_seconds(std::chrono::seconds(seconds)));
}

std::string format_http_date(Time time) {
  constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time) - day);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[std::chrono::weekday(day).c_encoding()],
                     unsigned(date.day()), kMonths[unsigned(date.month()) - 1], int(date.year()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count());
}

}  // namespace varve::net
