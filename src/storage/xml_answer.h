#pragma once

#include <pugixml.hpp>

#include "net/http.h"

namespace varve::storage {

/// The body of an answer; without anything in it where it is cut off or no XML. Only for .cc files.
inline pugi::xml_document xml_in(const net::Response& response) {
  pugi::xml_document document;
  if (!document.load_buffer(response.body.data(), response.body.size())) document.reset();
  return document;
}

}  // namespace varve::storage
