// WebP, GIF, BMP and AVIF, and where each kind says which way is up.
#include <gmock/gmock.h>

#include "base/error.h"
#include "image/orientation.h"
#include "image/test_images.h"

#ifdef TESSERA_AVIF
#include <avif/avif.h>
#endif

namespace tessera {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

std::string webp_of(const Image& image) {
  return webp_of_chunks(image.width, image.height, {webp_bitstream(image)});
}

TEST(Webp, LosslessPixelsAreExact) {
  for (const auto& [width, height] : {std::pair{1, 1}, {3, 5}, {33, 2}}) {
    const auto image = random_image(width, height, 1);
    EXPECT_EQ(decode_image(webp_of(image), "lossless"), image);
  }
}

TEST(Webp, LossyAndSimpleLayoutIsRead) {
  const auto image = plain_image(16, 16, 200, 100, 50);
  std::uint8_t* memory = nullptr;
  const auto size = WebPEncodeRGB(image.pixels.data(), 16, 16, 48, 100, &memory);
  const std::string bytes(reinterpret_cast<const char*>(memory), size);
  WebPFree(memory);
  const auto found = decode_image(bytes, "lossy");
  for (int c = 0; c < 3; ++c) EXPECT_NEAR(found.pixels[c], image.pixels[c], 4);
}

TEST(Webp, TransparencyIsLaidOnWhite) {
  const std::uint8_t rgba[] = {10, 20, 30, 255, 0, 100, 255, 51};
  std::uint8_t* memory = nullptr;
  const auto size = WebPEncodeLosslessRGBA(rgba, 2, 1, 8, &memory);
  const std::string bytes(reinterpret_cast<const char*>(memory), size);
  WebPFree(memory);
  EXPECT_THAT(decode_image(bytes, "alpha").pixels, ElementsAre(10, 20, 30, 204, 224, 255));
}

TEST(Webp, FirstFrameOfAnAnimationStandsAtItsPlaceOnWhite) {
  const auto image =
      decode_image(webp_animation(6, 4, plain_image(2, 1, 10, 20, 30), 2, 2), "animation");
  auto expected = plain_image(6, 4, 255, 255, 255);
  for (const int x : {2, 3})
    for (int c = 0; c < 3; ++c)
      expected.pixels[(2 * 6 + x) * 3 + c] = static_cast<std::uint8_t>(10 * (c + 1));
  EXPECT_EQ(image, expected);
}

TEST(Webp, EveryTruncationIsRefused) {
  const auto bytes = webp_of(random_image(9, 9, 3));
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_THROW(decode_image(bytes.substr(0, size), "cut"), FileError) << size;
}

TEST(Webp, SizesBeyondTheLimitsAreRefusedBeforeAnyMemoryIsTaken) {
  const auto frame = webp_bitstream(plain_image(1, 1, 0, 0, 0));
  const auto claim = [&](int width, int height) {
    return webp_of_chunks(width, height,
                          {{"ANIM", std::string(6, '\0')},
                           {"ANMF", std::string(15, '\0') + '\0' + webp_chunk(frame)}});
  };
  EXPECT_THAT([&] { decode_image(claim(16000, 16000), "bomb"); },
              ThrowsMessage<FileError>(HasSubstr("a WebP of more than 64 megapixels")));
  EXPECT_THAT([&] { decode_image(claim(1 << 24, 1), "wide"); },
              ThrowsMessage<FileError>(HasSubstr("size is 16777216 x 1, expected at most 65500")));
}

TEST(Gif, PaletteIndicesBecomeColours) {
  const std::vector<std::uint8_t> colours = {0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255};
  EXPECT_EQ(decode_image(encode_gif(4, 1, {0, 1, 2, 3}), "gif").pixels, colours);
}

TEST(Gif, InterlacingChangesNothing) {
  std::vector<GifPixelType> indices;
  for (int i = 0; i < 5 * 11; ++i) indices.push_back(static_cast<GifPixelType>(i * i % 4));
  EXPECT_EQ(decode_image(encode_gif(5, 11, indices, {.interlaced = true}), "interlaced"),
            decode_image(encode_gif(5, 11, indices), "plain"));
}

TEST(Gif, FrameStandsAtItsPlaceAndTransparencyIsWhite) {
  const auto image = decode_image(
      encode_gif(2, 1, {1, 2},
                 {.transparent = 2, .left = 1, .top = 1, .screen_width = 3, .screen_height = 2}),
      "placed");
  auto expected = plain_image(3, 2, 255, 255, 255);
  expected.pixels[4 * 3 + 1] = expected.pixels[4 * 3 + 2] = 0;  // red
  EXPECT_EQ(image, expected);
}

TEST(Gif, TruncationsInTheFirstFrameAreRefused) {
  const auto bytes = encode_gif(4, 4, std::vector<GifPixelType>(16, 1));
  const std::size_t trailer = 1;
  for (std::size_t size = 0; size + trailer < bytes.size(); ++size)
    EXPECT_THROW(decode_image(bytes.substr(0, size), "cut"), FileError) << size;
}

TEST(Gif, SizesBeyondTheLimitsAreRefused) {
  auto bytes = encode_gif(1, 1, {0});
  bytes.replace(6, 4, "\xff\xff\xff\xff");  // the screen: 65535 x 65535
  EXPECT_THAT([&] { decode_image(bytes, "bomb"); },
              ThrowsMessage<FileError>(HasSubstr("size is 65535 x 65535")));
  bytes.replace(6, 4, std::string("\x10\x27\x10\x27", 4));  // 10000 x 10000
  EXPECT_THAT([&] { decode_image(bytes, "bomb"); },
              ThrowsMessage<FileError>(HasSubstr("a GIF of more than 64 megapixels")));
}

TEST(Bmp, TwentyFourBitsAreExactFromTheBottomAndFromTheTop) {
  for (const int width : {1, 2, 3, 4, 5}) {  // rows are filled up to four bytes
    const auto image = random_image(width, 3, 1);
    EXPECT_EQ(decode_image(encode_bmp(width, 3, 24, bmp_rows(image)), "up"), image);
  }
  const auto image = random_image(4, 3, 1);
  std::string down;
  for (int y = 2; y >= 0; --y) down += bmp_rows(image).substr(static_cast<std::size_t>(y) * 12, 12);
  EXPECT_EQ(decode_image(encode_bmp(4, -3, 24, down), "down"), image);
}

TEST(Bmp, PalettesOfOneFourAndEightBits) {
  EXPECT_THAT(decode_image(encode_bmp(3, 1, 1, std::string("\xa0\0\0\0", 4), 2), "one").pixels,
              ElementsAre(1, 2, 3, 0, 0, 0, 1, 2, 3));
  EXPECT_THAT(decode_image(encode_bmp(3, 1, 4, std::string("\x5f\x10\0\0", 4), 16), "four").pixels,
              ElementsAre(5, 10, 15, 15, 30, 45, 1, 2, 3));
  EXPECT_THAT(decode_image(encode_bmp(2, 1, 8, std::string("\x07\x01\0\0", 4), 8), "eight").pixels,
              ElementsAre(7, 14, 21, 1, 2, 3));
  EXPECT_THAT([] { decode_image(encode_bmp(1, 1, 8, std::string("\x08\0\0\0", 4), 8), "outside"); },
              ThrowsMessage<FileError>(HasSubstr("outside its palette")));
}

TEST(Bmp, BitsOfChannelsAreFoundByTheirMasks) {
  EXPECT_THAT(decode_image(encode_bmp(2, 1, 16, std::string("\x00\x7c\x1f\0", 4)), "555").pixels,
              ElementsAre(255, 0, 0, 0, 0, 255));
  const std::vector<std::uint32_t> k565 = {0xf800, 0x7e0, 0x1f};
  EXPECT_THAT(
      decode_image(encode_bmp(2, 1, 16, std::string("\xe0\x07\x00\x80", 4), 0, k565), "565").pixels,
      ElementsAre(0, 255, 0, 132, 0, 0));
  const std::vector<std::uint32_t> kAlpha = {0xff, 0xff00, 0xff0000, 0xff000000};
  EXPECT_THAT(decode_image(encode_bmp(2, 1, 32, std::string("\x0a\x14\x1e\xff\x00\x64\xff\x33", 8),
                                      0, kAlpha),
                           "alpha")
                  .pixels,
              ElementsAre(10, 20, 30, 204, 224, 255));
  // A fourth channel that is zero throughout is no transparency.
  EXPECT_THAT(
      decode_image(encode_bmp(1, 1, 32, std::string("\x0a\x14\x1e\0", 4), 0, kAlpha), "none")
          .pixels,
      ElementsAre(10, 20, 30));
  for (const auto& masks : std::vector<std::vector<std::uint32_t>>{
           {0, 0xff, 0xff00}, {0x5, 0x70, 0x700}, {0xff, 0xff, 0xff00}})
    EXPECT_THROW(decode_image(encode_bmp(1, 1, 32, "abcd", 0, masks), "masks"), FileError);
}

TEST(Bmp, EveryTruncationIsRefused) {
  for (const auto& bytes : {encode_bmp(3, 3, 24, bmp_rows(random_image(3, 3, 1))),
                            encode_bmp(2, 1, 8, std::string("\x07\x01\0\0", 4), 8)})
    for (std::size_t size = 0; size < bytes.size(); ++size)
      EXPECT_THROW(decode_image(bytes.substr(0, size), "cut"), FileError) << size;
}

TEST(Bmp, WhatIsNotReadIsNamed) {
  auto bytes = encode_bmp(4, 1, 8, "\4\7\0\1", 8);
  bytes[30] = 1;
  EXPECT_THAT([&] { decode_image(bytes, "rle"); },
              ThrowsMessage<FileError>(HasSubstr("run-length coding, which is not read")));
  EXPECT_THAT([] { decode_image(encode_bmp(70000, 1, 1, "", 2), "wide"); },
              ThrowsMessage<FileError>(HasSubstr("size is 70000 x 1, expected at most 65500")));
}

// --- which way is up

const Image kPicture = random_image(6, 4, 9);

TEST(Orientation, OfPngIsReadFromItsExifChunkBeforeAndAfterThePixels) {
  for (const bool after : {false, true}) {
    const auto png =
        png_with_chunk(encode_png(kPicture), "eXIf", exif_with_orientation(6).substr(6), after);
    EXPECT_EQ(decode_image(png, "turned"), apply_orientation(kPicture, 6));
  }
}

std::string hexadecimal(const std::string& bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(bytes[i]));
    text += digits;
    if (i % 36 == 35) text += '\n';
  }
  return text;
}

std::string deflated(const std::string& text) {
  std::string bytes(compressBound(text.size()), '\0');
  uLongf size = bytes.size();
  compress(reinterpret_cast<Bytef*>(bytes.data()), &size,
           reinterpret_cast<const Bytef*>(text.data()), text.size());
  return bytes.substr(0, size);
}

const std::string kZero(1, '\0');

TEST(Orientation, OfPngIsReadFromTextAsImageMagickWritesIt) {
  const auto exif = exif_with_orientation(8);
  const auto text = "\nexif\n" + std::string(6, ' ') + std::to_string(exif.size()) + "\n" +
                    hexadecimal(exif) + "\n";
  const std::string keyword = "Raw profile type exif" + kZero;
  for (const auto& [type, data] :
       {std::pair{"tEXt", keyword + text}, {"zTXt", keyword + kZero + deflated(text)}})
    EXPECT_EQ(decode_image(png_with_chunk(encode_png(kPicture), type, data), type),
              apply_orientation(kPicture, 8));
}

TEST(Orientation, OfPngIsReadFromXmpUnlessExifSaysOtherwise) {
  const auto xmp = xmp_with_orientation(3);
  const std::string keyword = "XML:com.adobe.xmp" + kZero;
  const auto plain =
      png_with_chunk(encode_png(kPicture), "iTXt", keyword + std::string(4, '\0') + xmp);
  EXPECT_EQ(decode_image(plain, "plain"), apply_orientation(kPicture, 3));
  EXPECT_EQ(decode_image(png_with_chunk(encode_png(kPicture), "iTXt",
                                        keyword + "\1" + std::string(3, '\0') + deflated(xmp)),
                         "compressed"),
            apply_orientation(kPicture, 3));
  EXPECT_EQ(decode_image(png_with_chunk(plain, "eXIf", exif_with_orientation(6).substr(6)), "both"),
            apply_orientation(kPicture, 6));
}

TEST(Orientation, DamagedMetadataLeavesThePixels) {
  auto png = png_with_chunk(encode_png(kPicture), "eXIf", exif_with_orientation(6).substr(6));
  png[33 + 8 + 3] ^= 1;
  EXPECT_EQ(decode_image(png, "damaged"), kPicture);
  for (const std::string text : {"", "\nexif\n", "\nexif\n 4\nzz", "\nexif\n 99999\n4578"})
    EXPECT_EQ(decode_image(png_with_chunk(encode_png(kPicture), "tEXt",
                                          "Raw profile type exif" + kZero + text),
                           "odd"),
              kPicture);
  // What would take a gigabyte decompressed.
  const auto bomb = deflated(std::string(64 << 20, ' '));
  EXPECT_EQ(decode_image(png_with_chunk(encode_png(kPicture), "zTXt",
                                        "Raw profile type exif" + kZero + kZero + bomb),
                         "bomb"),
            kPicture);
}

TEST(Orientation, OfWebpIsReadFromExifAndXmp) {
  const auto pixels = webp_bitstream(kPicture);
  EXPECT_EQ(
      decode_image(webp_of_chunks(6, 4, {pixels, {"EXIF", exif_with_orientation(6)}}), "exif"),
      apply_orientation(kPicture, 6));
  EXPECT_EQ(
      decode_image(webp_of_chunks(6, 4, {pixels, {"EXIF", exif_with_orientation(5).substr(6)}}),
                   "bare"),
      apply_orientation(kPicture, 5));
  EXPECT_EQ(decode_image(webp_of_chunks(6, 4, {pixels, {"XMP ", xmp_with_orientation(3)}}), "xmp"),
            apply_orientation(kPicture, 3));
}

TEST(Orientation, OfJpegIsReadFromXmpToo) {
  const auto turned = encode_jpeg(plain_image(16, 8, 9, 9, 9),
                                  {.exif = std::string(kXmpMarker) + xmp_with_orientation(6)});
  EXPECT_EQ(decode_image(turned, "turned").width, 8);
}

TEST(Orientation, OfXmpIsAnAttributeOrAnElement) {
  EXPECT_EQ(xmp_orientation("<a tiff:Orientation = '8'/>"), 8);
  EXPECT_EQ(xmp_orientation("<tiff:Orientation>\n 2</tiff:Orientation>"), 2);
  for (const auto* odd : {"", "tiff:Orientation", "tiff:Orientation=\"", "tiff:Orientation=\"9\"",
                          "tiff:Orientation=\"12\"", "tiff:Orientationally=\"1\""})
    EXPECT_EQ(xmp_orientation(odd), 0) << odd;
}

TEST(ImageNames, EndLikeAKindThatIsRead) {
  for (const auto* name : {"a.png", "b.JPG", "c.jpeg", "d.jfif", "e.WebP", "f.gif", "g.bmp"})
    EXPECT_TRUE(has_image_extension(name)) << name;
  for (const auto* name : {"a", "png", "a.tiff", "a.png.txt", ""})
    EXPECT_FALSE(has_image_extension(name)) << name;
}

#ifdef TESSERA_AVIF
std::string encode_avif(const Image& image, int angle, bool mirrored) {
  const std::unique_ptr<avifImage, decltype(&avifImageDestroy)> picture(
      avifImageCreate(static_cast<std::uint32_t>(image.width),
                      static_cast<std::uint32_t>(image.height), 8, AVIF_PIXEL_FORMAT_YUV444),
      &avifImageDestroy);
  picture->matrixCoefficients = AVIF_MATRIX_COEFFICIENTS_IDENTITY;
  if (angle != 0) picture->transformFlags |= AVIF_TRANSFORM_IROT;
  picture->irot.angle = static_cast<std::uint8_t>(angle);
  if (mirrored) picture->transformFlags |= AVIF_TRANSFORM_IMIR;  // upside down, which is 0
  avifRGBImage rgb;
  avifRGBImageSetDefaults(&rgb, picture.get());
  rgb.format = AVIF_RGB_FORMAT_RGB;
  rgb.rowBytes = rgb.width * 3;
  rgb.pixels = const_cast<std::uint8_t*>(image.pixels.data());
  if (avifImageRGBToYUV(picture.get(), &rgb) != AVIF_RESULT_OK) return "";
  const std::unique_ptr<avifEncoder, decltype(&avifEncoderDestroy)> encoder(avifEncoderCreate(),
                                                                            &avifEncoderDestroy);
  encoder->minQuantizer = encoder->maxQuantizer = AVIF_QUANTIZER_LOSSLESS;
  encoder->speed = 10;
  avifRWData bytes = AVIF_DATA_EMPTY;
  const bool done = avifEncoderWrite(encoder.get(), picture.get(), &bytes) == AVIF_RESULT_OK;
  std::string result(reinterpret_cast<const char*>(bytes.data), done ? bytes.size : 0);
  avifRWDataFree(&bytes);
  return result;
}

TEST(Avif, PixelsAreExactAndTurned) {
  const auto image = random_image(16, 8, 1);
  if (encode_avif(image, 0, false).empty()) GTEST_SKIP() << "libavif has no encoder here";
  EXPECT_EQ(decode_image(encode_avif(image, 0, false), "plain"), image);
  EXPECT_EQ(decode_image(encode_avif(image, 1, false), "turned"), apply_orientation(image, 8));
  EXPECT_EQ(decode_image(encode_avif(image, 3, false), "turned"), apply_orientation(image, 6));
  EXPECT_EQ(decode_image(encode_avif(image, 0, true), "mirrored"), apply_orientation(image, 4));
  EXPECT_EQ(decode_image(encode_avif(image, 1, true), "both"),
            apply_orientation(apply_orientation(image, 8), 4));
}

TEST(Avif, DamagedBytesNeverCrash) {
  const auto sound = encode_avif(random_image(16, 8, 1), 1, false);
  if (sound.empty()) GTEST_SKIP() << "libavif has no encoder here";
  for (std::size_t size = 0; size < sound.size(); size += 7)
    EXPECT_THROW(decode_image(sound.substr(0, size), "cut"), FileError) << size;
  Rng rng(5);
  for (int i = 0; i < 300; ++i) try {
      decode_image(mutated(sound, rng), "damaged");
    } catch (const FileError&) {
    }
}
#endif

}  // namespace
}  // namespace tessera
