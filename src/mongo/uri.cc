#include "mongo/uri.h"

#include <algorithm>

#include "mongo/driver.h"
#include "mongo/errors.h"
#include "mongo/uri_parts.h"

namespace varve::mongo {

namespace {

std::vector<std::string> hosts_of(const mongoc_uri_t* uri) {
  std::vector<std::string> hosts;
  for (const auto* host = mongoc_uri_get_hosts(uri); host != nullptr; host = host->next) {
    hosts.emplace_back(host->host_and_port);
  }
  return hosts;
}

Error unusable(const std::string& words) {
  return Error(ErrorKind::kInvalidInput, "not a usable MongoDB connection string: " + words)
      .hint(
          "it looks like mongodb://USER:PASSWORD@HOST1,HOST2/?replicaSet=NAME; characters such as @ : / ? # % in user "
          "or password are written %40 %3A %2F %3F %23 %25");
}

/// The words of the driver's parser never hold the password, whatever they quote.
Error refused_by_driver(const std::string& words, const UriParts& parts) {
  if (!parts.password) return unusable(words);
  return unusable(without_secret(without_secret(words, *parts.password), percent_decode(*parts.password)));
}

std::string join(const std::vector<std::string>& hosts) {
  std::string text;
  for (const auto& host : hosts) text += (text.empty() ? "" : ",") + host;
  return text;
}

void take_option(const char* value, const std::string& spelled, UriParts& to) {
  if (value != nullptr && !to.option(spelled)) to.options.emplace_back(spelled, percent_encode(value));
}

void remove_srv_options(UriParts& parts) {
  parts.scheme = "mongodb://";
  for (const char* name : {"srvMaxHosts", "srvServiceName", "loadBalanced"}) parts.remove_option(name);
  if (!parts.option("tls") && !parts.option("ssl")) parts.options.emplace_back("tls", "true");
}

}  // namespace

Result<Uri> Uri::parse(const std::string& text) {
  start_driver();
  const auto parts = cut_uri(text);
  if (!parts) return fail(unusable("it begins with neither mongodb:// nor mongodb+srv://"));
  bson_error_t error{};
  const UriPtr parsed(mongoc_uri_new_with_error(text.c_str(), &error));
  if (!parsed) return fail(refused_by_driver(error.message, *parts));
  Uri uri;
  uri.text_ = text;
  return uri;
}

std::string Uri::masked() const {
  auto parts = cut_uri(text_);
  if (!parts || !parts->password) return text_;
  const std::string secret = ":" + *parts->password + "@";
  std::string text = text_;
  return text.replace(text.find(secret), secret.size(), ":***@");
}

std::vector<std::string> Uri::seeds() const {
  if (is_srv()) {
    const auto resolved_uri = resolved();
    return resolved_uri ? resolved_uri->seeds() : std::vector<std::string>{};
  }
  const UriPtr parsed(mongoc_uri_new(text_.c_str()));
  return parsed ? hosts_of(parsed.get()) : std::vector<std::string>{};
}

std::string Uri::user() const {
  const auto parts = cut_uri(text_);
  return parts && parts->user ? percent_decode(*parts->user) : "";
}

bool Uri::is_srv() const {
  return text_.starts_with("mongodb+srv://");
}

std::string Uri::replica_set() const {
  const auto parts = cut_uri(text_);
  return parts ? percent_decode(parts->option("replicaSet").value_or("")) : "";
}

bool Uri::is_direct() const {
  const auto parts = cut_uri(text_);
  return parts && parts->option("directConnection") == "true";
}

Result<Uri> Uri::resolved() const {
  if (!is_srv()) return *this;
  const UriPtr parsed(mongoc_uri_new(text_.c_str()));
  bson_error_t error{};
  const ClientPtr client(parsed ? mongoc_client_new_from_uri_with_error(parsed.get(), &error) : nullptr);
  auto parts = cut_uri(text_);
  if (!client || !parts) {
    return fail(ErrorKind::kUnavailable, "cannot resolve " + masked() + ": " + error.message);
  }
  const mongoc_uri_t* found = mongoc_client_get_uri(client.get());
  parts->hosts = join(hosts_of(found));
  if (parts->user) take_option(mongoc_uri_get_auth_source(found), "authSource", *parts);
  take_option(mongoc_uri_get_replica_set(found), "replicaSet", *parts);
  remove_srv_options(*parts);
  Uri uri;
  uri.text_ = parts->text();
  return uri;
}

Uri Uri::direct_to(const std::string& host_port) const {
  Uri uri;
  auto parts = cut_uri(text_);
  if (!parts) return uri;
  if (parts->is_srv()) remove_srv_options(*parts);
  parts->hosts = host_port;
  for (const char* name : {"replicaSet", "directConnection", "loadBalanced", "readPreference", "readPreferenceTags",
                           "maxStalenessSeconds", "connect"}) {
    parts->remove_option(name);
  }
  parts->options.emplace_back("directConnection", "true");
  uri.text_ = parts->text();
  return uri;
}

Uri Uri::with_seeds(const std::vector<std::string>& hosts) const {
  Uri uri = *this;
  auto parts = cut_uri(text_);
  if (!parts || parts->is_srv()) return uri;
  parts->hosts = join(hosts);
  uri.text_ = parts->text();
  return uri;
}

Uri Uri::with_more_seeds(const std::vector<std::string>& hosts) const {
  if (is_direct()) return *this;
  auto all = seeds();
  for (const auto& host : hosts) {
    if (std::ranges::find(all, host) == all.end()) all.push_back(host);
  }
  return with_seeds(all);
}

Uri Uri::with_last_seed(const std::string& host) const {
  auto all = seeds();
  if (std::erase(all, host) == 0) return *this;
  all.push_back(host);
  return with_seeds(all);
}

Uri Uri::with_password(const std::string& password) const {
  Uri uri = *this;
  auto parts = cut_uri(text_);
  if (!parts || !parts->user || parts->password) return uri;
  parts->password = percent_encode(password);
  uri.text_ = parts->text();
  return uri;
}

}  // namespace varve::mongo
