# Every outside part in one place; all are Debian packages (packages.txt) and nothing is fetched.
# The installed package reads this same file, so an outside project finds what the library needs.
find_package(dnnl REQUIRED)
find_package(hwy REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(Threads REQUIRED)
find_package(Boost REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(CLI11 REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(CURL REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PNG REQUIRED)
find_package(ICU REQUIRED COMPONENTS uc)
find_path(OMNI_RANDOM123_INCLUDE_DIR Random123/philox.h REQUIRED)
mark_as_advanced(OMNI_RANDOM123_INCLUDE_DIR)

set(OMNI_PUBLIC_LIBRARIES fmt::fmt nlohmann_json::nlohmann_json DNNL::dnnl OpenMP::OpenMP_CXX
  Threads::Threads hwy::hwy Boost::headers)
set(OMNI_PRIVATE_LIBRARIES spdlog::spdlog tomlplusplus::tomlplusplus CLI11::CLI11 SQLite::SQLite3
  CURL::libcurl OpenSSL::Crypto ZLIB::ZLIB PNG::PNG ICU::uc)
