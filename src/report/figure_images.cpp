// Figures of images: the recorded ones in a grid, enlarged without smoothing, as papers show
// digits above and their reconstructions below.
#include <openssl/evp.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "report/drawing.h"
#include "report/text.h"
#include "store/files.h"
#include "store/png.h"

namespace omni {

namespace {

constexpr int kWidest = 820, kLargest = 112, kGap = 6, kLine = 18;  // pixels; kLine: of text
constexpr double kFont = 12;
constexpr int64_t kMost = 10'000;  // a figure of more is a damaged one

std::string base64(const std::string& bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(length));
  return text;
}

std::string text_at(int x, int y, std::string_view anchor, const std::string& text, int width) {
  return fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"{}\" fill=\"black\">{}</text>\n", x, y,
                     anchor, escape_html(shortened(text, width, kFont)));
}

// A whole multiple of the images' own size where that fits, so that every pixel is one square.
int tile_size(const std::vector<StoredImage>& images, int columns, int room) {
  const int most = std::clamp(room / columns - kGap, 8, kLargest);
  int pixels = 1;
  for (const StoredImage& image : images) {
    const PngSize size = png_size(image.png);
    pixels = std::max({pixels, size.height, size.width});
  }
  return pixels <= most ? most / pixels * pixels : most;
}

}  // namespace

DrawnFigure draw_images(const Results& results, const FigureRow& figure) {
  const FigureSpec& spec = figure.spec;
  const std::vector<StoredImage> images = results.images(figure.id);
  DrawnFigure out;
  out.csv = "row,column,label\n";
  if (images.empty()) {
    out.empty_because = "no image was recorded for it";
    return out;
  }
  require_positions(figure, "an image", images, kMost);
  const int columns = std::clamp(spec.columns, 1, 100);
  const int rows = static_cast<int>(images.back().position) / columns + 1;
  double widest = 0;
  for (const std::string& label : spec.row_labels)
    widest = std::max(widest, text_width(label, kFont));
  const int left = spec.row_labels.empty() ? 0 : std::min(static_cast<int>(1.1 * widest) + 4, 260) + 10;
  const int above = spec.column_labels.empty() ? 0 : kLine;
  const int tile = tile_size(images, columns, kWidest - left), step = tile + kGap;

  std::vector<int> top(static_cast<size_t>(rows) + 1, tile + kGap);  // heights, then their sums
  for (const StoredImage& image : images)
    if (!image.label.empty()) top[static_cast<size_t>(image.position / columns)] = step + kLine;
  for (int y = above; int& height : top) y += std::exchange(height, y);
  const int width = left + columns * step, height = top.back();
  out.svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" "
      "viewBox=\"0 0 {0} {1}\" font-family=\"sans-serif\" font-size=\"{2}\" "
      "style=\"max-width:{0}px\">\n",
      width, height, kFont);
  const auto centre = [&](int column) { return left + column * step + tile / 2; };
  for (int c = 0; c < std::min(columns, static_cast<int>(spec.column_labels.size())); ++c)
    out.svg += text_at(centre(c), kLine - 6, "middle", spec.column_labels[c], tile);
  for (int r = 0; r < std::min(rows, static_cast<int>(spec.row_labels.size())); ++r)
    out.svg += text_at(left - 10, top[r] + tile / 2 + 4, "end", spec.row_labels[r], left);
  for (const StoredImage& image : images) {
    const int row = static_cast<int>(image.position) / columns;
    const int column = static_cast<int>(image.position) % columns;
    out.csv += fmt::format("{},{},{}\n", row, column, csv_cell(image.label));
    out.svg += fmt::format(
        "<image x=\"{0}\" y=\"{1}\" width=\"{2}\" height=\"{3}\" "
        "style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{4}\"/>\n"
        "<rect x=\"{0}\" y=\"{1}\" width=\"{2}\" height=\"{3}\" fill=\"none\" "
        "stroke=\"rgb(140, 140, 140)\" stroke-width=\"0.6\"/>\n",
        left + column * step, top[row], tile, tile, base64(image.png));
    if (!image.label.empty())
      out.svg += text_at(centre(column), top[row] + tile + 13, "middle", image.label, tile);
  }
  out.svg += "</svg>\n";
  return out;
}

}  // namespace omni
