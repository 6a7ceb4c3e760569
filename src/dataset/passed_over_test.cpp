// Which images a folder or an archive gives, and what is said of the rest.
#include <gmock/gmock.h>

#include "base/testing.h"
#include "dataset/describe.h"
#include "dataset/image_set.h"
#include "dataset/listing.h"
#include "formats/test_archives.h"
#include "image/test_images.h"

namespace tessera {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

class PassedOver : public testing::Test {
 protected:
  void write(const std::string& path,
             const std::string& bytes = encode_png(random_image(4, 4, 1))) {
    write_file(folder_ / path, bytes);
  }
  std::unique_ptr<ImageSet> open(const std::vector<std::string>& names) {
    notes_ = {};
    std::vector<std::string> paths;
    for (const auto& name : names)
      paths.push_back(name.find('=') == std::string::npos ? (folder_ / name).string() : name);
    return open_images(paths, &notes_);
  }
  std::vector<std::string> images(const std::vector<std::string>& names) {
    const auto set = open(names);
    std::vector<std::string> found;
    for (std::size_t i = 0; i < set->size(); ++i)
      found.push_back(set->name(i).substr((folder_ / "").string().size()));
    return found;
  }
  std::string refusal(const std::string& name) {
    return error_of([&] { open({name}); });
  }

  TemporaryFolder folder_;
  DataNotes notes_;
};

TEST_F(PassedOver, EveryKindOfImageIsRead) {
  write("set/c/0.png");
  write("set/c/1.jfif", encode_jpeg(random_image(4, 4, 1)));
  write("set/c/2.webp", webp_of_chunks(4, 4, {webp_bitstream(random_image(4, 4, 1))}));
  write("set/c/3.gif", encode_gif(2, 1, {0, 1}));
  write("set/c/4.BMP", encode_bmp(4, 4, 24, bmp_rows(random_image(4, 4, 1))));
  const auto set = open({"set"});
  ASSERT_EQ(set->size(), 5u);
  for (std::size_t i = 0; i < set->size(); ++i) set->check(i);
  EXPECT_THAT(notes_.warnings(), IsEmpty());
}

TEST_F(PassedOver, FilesAreCountedByKind) {
  write("set/c/0.png");
  for (const auto* name : {"a.tiff", "b.TIFF", "c.txt", "README", "d.an extension that is long"})
    write("set/" + std::string(name), "?");
  open({"set"});
  EXPECT_THAT(notes_.warnings(),
              ElementsAre("5 files passed over (.tiff 2, without extension 2, .txt 1)"));
  write_tar(folder_ / "set.tar",
            {{"c/0.png", encode_png(random_image(4, 4, 1))}, {"c/x.csv", "?"}});
  open({"set.tar"});
  EXPECT_THAT(notes_.passed_over, ElementsAre(Pair(".csv", 1)));
}

TEST_F(PassedOver, ClassesWithoutAnImageAreNamed) {
  for (const auto* name : {"set/a/0.png", "set/c/0.png"}) write(name);
  write("set/b/0.heic", "?");
  fs::create_directories(folder_ / "set/empty");
  fs::create_directory_symlink("/nowhere/at/all", folder_ / "set/gone");
  const auto set = open({"set"});
  EXPECT_THAT(set->class_names(), ElementsAre("a", "c"));
  EXPECT_THAT(notes_.classes_without_images, ElementsAre("b", "empty", "gone"));
  EXPECT_THAT(notes_.warnings(), testing::Contains("no image in classes b, empty and gone"));
  EXPECT_THAT(notes_.passed_over, ElementsAre(Pair(".heic", 1), Pair("dangling link", 1)));
}

TEST_F(PassedOver, ClassesWithoutAnImageAreNamedBesideASingleClassAndBelowASharedFolder) {
  write("single/a/0.png");
  fs::create_directories(folder_ / "single/b/deep");
  open({"single"});
  EXPECT_THAT(notes_.classes_without_images, ElementsAre("b"));
  write("shared/train/a/x/0.png");
  write("shared/train/c/0.png");
  fs::create_directories(folder_ / "shared/train/b");
  fs::create_directories(folder_ / "shared/train/a/y");
  open({"shared"});
  EXPECT_THAT(notes_.classes_without_images, ElementsAre("b"));
  write_tar_members(folder_ / "set.tar", {{"a/", "", TestMember::folder},
                                          {"b/", "", TestMember::folder},
                                          {"a/0.png", encode_png(random_image(4, 4, 1))},
                                          {"c/0.png", encode_png(random_image(4, 4, 1))}});
  open({"set.tar"});
  EXPECT_THAT(notes_.classes_without_images, ElementsAre("b"));
}

TEST_F(PassedOver, ThumbnailsAndSystemFoldersAreLeftOut) {
  const std::vector<std::pair<std::string, std::string>> files = {
      {"a/0.png", encode_png(random_image(4, 4, 1))},
      {"b/0.png", encode_png(random_image(4, 4, 1))},
      {"a/@eaDir/0.png/SYNOPHOTO_THUMB_M.png", "thumbnail"},
      {"__MACOSX/a/._0.png", "resource fork"},
      {"b/.ipynb_checkpoints/0-checkpoint.png", "old"},
      {"a/._0.png", "resource fork"},
      {"a/Thumbs.db", "?"},
      {".DS_Store", "?"}};
  for (const auto& [name, bytes] : files) write("set/" + name, bytes);
  write_tar(folder_ / "set.tar", files);
  EXPECT_THAT(images({"set"}), ElementsAre("set/a/0.png", "set/b/0.png"));
  EXPECT_EQ(notes_.left_out, 6u);
  EXPECT_THAT(notes_.warnings(), IsEmpty());
  EXPECT_THAT(images({"set.tar"}), ElementsAre("set.tar:a/0.png", "set.tar:b/0.png"));
  EXPECT_EQ(notes_.left_out, 6u);
}

TEST_F(PassedOver, LinksToFoldersAboveAreNotFollowed) {
  write("set/a/0.png");
  write("set/c/0.png");
  fs::create_directory_symlink("../a", folder_ / "set/a/self");
  fs::create_directory_symlink("..", folder_ / "set/c/up");
  fs::create_symlink("loop", folder_ / "set/c/loop");
  EXPECT_THAT(images({"set"}), ElementsAre("set/a/0.png", "set/c/0.png"));
  EXPECT_THAT(notes_.oddities,
              ElementsAre("a/self and c/up are links to folders above them and were not followed"));
  EXPECT_THAT(notes_.passed_over, ElementsAre(Pair("dangling link", 1)));
}

TEST_F(PassedOver, LinkedClassFoldersAreRead) {
  write("elsewhere/0.png");
  write("set/a/0.png");
  fs::create_directory_symlink(folder_ / "elsewhere", folder_ / "set/b");
  fs::create_symlink(folder_ / "elsewhere/0.png", folder_ / "set/a/1.png");
  EXPECT_THAT(images({"set"}), ElementsAre("set/a/0.png", "set/a/1.png", "set/b/0.png"));
  EXPECT_THAT(notes_.warnings(), IsEmpty());
}

TEST_F(PassedOver, LinksInsideATarAreImages) {
  write_tar_members(folder_ / "set.tar", {{"a/0.png", encode_png(random_image(4, 4, 1))},
                                          {"b/0.png", "a/0.png", TestMember::hard_link},
                                          {"c/0.png", "../a/0.png", TestMember::symbolic_link},
                                          {"d/0.png", "../../d.png", TestMember::symbolic_link}});
  const auto set = open({"set.tar"});
  EXPECT_THAT(set->class_names(), ElementsAre("a", "b", "c"));
  float pixels[3];
  for (std::size_t i = 0; i < set->size(); ++i) set->read(i, 1, pixels);
  EXPECT_THAT(notes_.oddities, ElementsAre(HasSubstr("d/0.png -> ../../d.png")));
}

TEST_F(PassedOver, TrainAndValidFoldersAreNoClasses) {
  write("root/train/0.png");
  write("root/val/0.png");
  open({"root"});
  EXPECT_THAT(notes_.oddities, ElementsAre(HasSubstr("train and val, which look like splits")));
  write("other/train/0.png");
  write("other/station/0.png");
  open({"other"});
  EXPECT_THAT(notes_.oddities, IsEmpty());
}

TEST_F(PassedOver, ClassNamesOfAnyBytesStayDistinct) {
  const std::vector<std::string> names = {"\xfe", "\xff", "a\nb", "\\xff", "\xc3\xa4"};
  std::vector<std::pair<std::string, std::string>> files;
  for (const auto& name : names) {
    write("set/" + name + "/0.png");
    files.emplace_back(name + "/0.png", encode_png(random_image(4, 4, 1)));
  }
  write_tar(folder_ / "set.tar", files);
  for (const auto* data : {"set", "set.tar"}) {
    const auto classes = open({data})->class_names();
    EXPECT_THAT(classes,
                testing::UnorderedElementsAre("\\xfe", "\\xff", "a\\x0ab", "\\x5cxff", "\xc3\xa4"));
    EXPECT_EQ(nlohmann::json(classes).dump(), json_text(classes));  // which would replace bytes
  }
}

TEST_F(PassedOver, ArchivesAreKnownByTheirContent) {
  write_tar(folder_ / "UPPER.TAR", {{"a/0.png", encode_png(random_image(4, 4, 1))}});
  EXPECT_EQ(open({"UPPER.TAR"})->size(), 1u);
  fs::copy_file(folder_ / "UPPER.TAR", folder_ / "no-ending");
  EXPECT_EQ(open({"no-ending"})->size(), 1u);
  write("junk.tar", read_file(folder_ / "UPPER.TAR") + "junk");
  EXPECT_EQ(open({"junk.tar"})->size(), 1u);
  EXPECT_THAT(notes_.oddities, ElementsAre("4 bytes after the end mark of junk.tar are not read"));
  for (const auto* name : {"set.tar.gz", "set.tgz"}) {
    write_tar(folder_ / name, {{"a/0.png", "?"}}, ARCHIVE_FILTER_GZIP);
    EXPECT_THAT(refusal(name), HasSubstr("is a tar compressed with gzip"));
  }
  write("set.zip", "PK\x03\x04....");
  EXPECT_THAT(refusal("set.zip"), HasSubstr("is a zip archive; unpack it"));
  write("0.png");
  EXPECT_THAT(refusal("0.png"), HasSubstr("is one PNG image; name its folder"));
}

TEST_F(PassedOver, NothingButOthersSaysWhatThereIs) {
  write("set/a/0.heic", "?");
  write("set/.hidden/0.png");
  EXPECT_THAT(refusal("set"), testing::AllOf(HasSubstr("holds no image"), HasSubstr(".heic 1"),
                                             HasSubstr("1 hidden")));
}

TEST_F(PassedOver, CheckListsEveryCorruptImageAndCountsMissingEndMarks) {
  const auto png = encode_png(random_image(4, 4, 1));
  for (int i = 10; i < 26; ++i) write("set/" + std::to_string(i) + ".png", "corrupt");
  write("set/30.png", png);
  write("set/31.png", png.substr(0, png.size() - 12));
  const auto jpeg = encode_jpeg(random_image(8, 8, 1));
  write("set/32.jpg", jpeg.substr(0, jpeg.size() - 2));
  DataInfoOptions options;
  options.data = {(folder_ / "set").string()};
  options.quiet = options.check = true;
  const auto info = describe_images(options);
  EXPECT_EQ(info["corrupt_images"], 16);
  ASSERT_EQ(info["corrupt"].size(), 16u);
  EXPECT_THAT(info["corrupt"][15].get<std::string>(), HasSubstr("25.png: is not PNG"));
  EXPECT_EQ(info["end_mark_missing"], 2);
  fs::remove(folder_ / "set/30.png");
  fs::remove(folder_ / "set/31.png");
  fs::remove(folder_ / "set/32.jpg");
  EXPECT_EQ(describe_images(options)["corrupt_images"], 16);  // none is sound
}

TEST_F(PassedOver, InfoSaysItAll) {
  write("set/a/0.png");
  write("set/b/x.txt", "?");
  write("set/a/.hidden", "?");
  DataInfoOptions options;
  options.data = {(folder_ / "set").string()};
  const auto info = describe_images(options);
  EXPECT_EQ(info["passed_over"], nlohmann::json({{".txt", 1}}));
  EXPECT_EQ(info["left_out"], 1);
  EXPECT_EQ(info["classes_without_images"], nlohmann::json({"b"}));
  EXPECT_EQ(info["warnings"].size(), 2u);
}

// --- samples of WebDataset

class Samples : public PassedOver {
 protected:
  using Files = std::vector<std::pair<std::string, std::string>>;
  // "000000.png", .. with what `beside` adds to each.
  void write_shard(const std::string& name, int count,
                   const std::function<Files(const std::string&, int)>& beside) {
    Files files;
    for (int i = 0; i < count; ++i) {
      const auto sample = "00000" + std::to_string(i);
      files.emplace_back(sample + ".png", encode_png(random_image(4, 4, 1)));
      for (auto& file : beside(sample, i)) files.push_back(std::move(file));
    }
    write_tar(folder_ / name, files);
  }
  std::vector<int> labels(const std::vector<std::string>& data) {
    const auto set = open(data);
    names_ = set->class_names();
    std::vector<int> found;
    for (std::size_t i = 0; i < set->size(); ++i) found.push_back(set->label(i));
    return found;
  }
  std::vector<std::string> names_;
};

TEST_F(Samples, ClsFilesAreLabels) {
  write_shard("set.tar", 6, [](auto& sample, int i) -> Files {
    return {{sample + ".cls", std::to_string(i % 3) + "\n"}};
  });
  EXPECT_THAT(labels({"set.tar"}), ElementsAre(0, 1, 2, 0, 1, 2));
  EXPECT_THAT(names_, ElementsAre("0", "1", "2"));
  EXPECT_THAT(notes_.warnings(), IsEmpty());
}

TEST_F(Samples, NumbersKeepTheirValueAndEmptyClassesAreNamed) {
  write_shard("set.tar", 2, [](auto& sample, int i) -> Files {
    return {{sample + ".cls", i == 0 ? "3" : "1"}};
  });
  EXPECT_THAT(labels({"set.tar"}), ElementsAre(3, 1));
  EXPECT_THAT(names_, ElementsAre("0", "1", "2", "3"));
  EXPECT_THAT(notes_.warnings(), ElementsAre("no image in classes 0 and 2"));
}

TEST_F(Samples, NamesAreClassesToo) {
  write_shard("set.tar", 4, [](auto& sample, int i) -> Files {
    return {{sample + ".cls", i % 2 ? "dog" : "cat\xff"}};
  });
  EXPECT_THAT(labels({"set.tar"}), ElementsAre(0, 1, 0, 1));
  EXPECT_THAT(names_, ElementsAre("cat\\xff", "dog"));
}

TEST_F(Samples, JsonFilesHoldLabels) {
  write_shard("set.tar", 6, [](auto& sample, int i) -> Files {
    return {{sample + ".json", R"({"label": )" + std::to_string(i % 3) + R"(, "Kind": "k)" +
                                   std::to_string(i % 2) + "\"}"}};
  });
  EXPECT_THAT(labels({"set.tar"}), ElementsAre(0, 1, 2, 0, 1, 2));
  EXPECT_THAT(labels({"set.tar", "label-key=json.Kind"}), ElementsAre(0, 1, 0, 1, 0, 1));
  EXPECT_THAT(names_, ElementsAre("k0", "k1"));
  EXPECT_THAT(labels({"set.tar", "label-key=none"}), ElementsAre(0, 0, 0, 0, 0, 0));
}

TEST_F(Samples, JsonWithoutAKnownLabelIsSaid) {
  write_shard("set.tar", 2, [](auto& sample, int) -> Files {
    return {{sample + ".json", R"({"url": "x", "width": 4})"}};
  });
  EXPECT_THAT(labels({"set.tar"}), ElementsAre(0, 0));
  EXPECT_THAT(notes_.oddities, ElementsAre(HasSubstr("they have url and width")));
}

TEST_F(Samples, TxtFilesAreLabelsWhenTheyComeAgainAndCaptionsElse) {
  write_shard("classes.tar", 4, [](auto& sample, int i) -> Files {
    return {{sample + ".txt", i % 2 ? "dog" : "cat"}};
  });
  EXPECT_THAT(labels({"classes.tar"}), ElementsAre(0, 1, 0, 1));
  write_shard("captions.tar", 4, [](auto& sample, int i) -> Files {
    return {{sample + ".txt", "picture number " + std::to_string(i)}};
  });
  EXPECT_THAT(labels({"captions.tar"}), ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(notes_.oddities, ElementsAre(HasSubstr("captions rather than classes")));
  EXPECT_THAT(labels({"captions.tar", "label-key=txt"}), ElementsAre(0, 1, 2, 3));
}

TEST_F(Samples, SeveralImagesASampleAreAWarningAndAKey) {
  Files files;
  for (int i = 0; i < 4; ++i)
    for (const std::string field : {"input.png", "seg.png"})
      files.emplace_back(std::to_string(i) + "." + field, encode_png(random_image(4, 4, 1)));
  for (int i = 0; i < 4; ++i) files.emplace_back(std::to_string(i) + ".cls", std::to_string(i % 2));
  write_tar(folder_ / "set.tar", files);
  EXPECT_EQ(open({"set.tar"})->size(), 8u);
  EXPECT_THAT(
      notes_.oddities,
      ElementsAre("4 of its samples hold several images (input.png 4, seg.png 4), and each is "
                  "read as one of its own; --image-key input.png reads one of each"));
  EXPECT_THAT(labels({"set.tar", "image-key=input.png"}), ElementsAre(0, 1, 0, 1));
  EXPECT_THAT(notes_.warnings(), IsEmpty());
  EXPECT_THAT(images({"set.tar", "image-key=jpg;SEG.png"})[1], "set.tar:1.seg.png");
  EXPECT_THAT(error_of([&] {
                open({"set.tar", "image-key=mask.png"});
              }),
              HasSubstr("there are input.png 4, seg.png 4"));
}

TEST_F(Samples, OtherLabelsThatFitAreNamed) {
  Files files;
  for (const std::string folder : {"a/", "b/"}) {
    files.emplace_back(folder + "0.png", encode_png(random_image(4, 4, 1)));
    files.emplace_back(folder + "0.cls", "7");
    files.emplace_back(folder + "0.json", R"({"label": "x"})");
  }
  write_tar(folder_ / "set.tar", files);
  EXPECT_THAT(labels({"set.tar"}), ElementsAre(7, 7));
  EXPECT_THAT(notes_.oddities, ElementsAre(HasSubstr("--label-key folder reads those"),
                                           HasSubstr("--label-key json reads \"label\"")));
  EXPECT_THAT(labels({"set.tar", "label-key=folder"}), ElementsAre(0, 1));
  EXPECT_THAT(names_, ElementsAre("a", "b"));
}

TEST_F(Samples, LabelsThatMeanNothingAreErrorsThatNameTheFile) {
  const auto refused = [&](const std::string& label, const std::string& key = "cls") {
    write_shard("set.tar", 3, [&](auto& sample, int i) -> Files {
      return {{sample + "." + key, i == 1 ? label : "0"}};
    });
    return error_of([&] { open({"set.tar", "label-key=" + key}); });
  };
  EXPECT_THAT(refused(" \n"), HasSubstr("set.tar:000001.cls: label is empty"));
  EXPECT_THAT(refused("a\nb"), HasSubstr("000001.cls: label is several lines"));
  EXPECT_THAT(refused(std::string(300, 'a')), HasSubstr("300 bytes long"));
  EXPECT_THAT(refused("99999999"), HasSubstr("a label is 99999999, expected 0 to 999999"));
  EXPECT_THAT(refused("[1]", "json"), HasSubstr("is not a JSON object"));
  write_shard("set.tar", 3, [&](auto& sample, int i) -> Files {
    if (i == 1) return {};
    return {{sample + ".cls", "0"}};
  });
  EXPECT_THAT(refusal("set.tar"),
              HasSubstr("000001.png: has no .cls beside it, as 2 of 3 images have"));
  EXPECT_THAT(error_of([&] {
                open({"set.tar", "label-key=cls2"});
              }),
              HasSubstr("expected cls, txt"));
}

TEST_F(Samples, FoldersHaveThemWhenAsked) {
  for (int i = 0; i < 2; ++i) {
    write("set/" + std::to_string(i) + ".png");
    write("set/" + std::to_string(i) + ".cls", std::to_string(i));
  }
  EXPECT_THAT(labels({"set"}), ElementsAre(0, 0));
  EXPECT_THAT(notes_.warnings(), testing::Contains(HasSubstr("--label-key cls")));
  EXPECT_THAT(labels({"set", "label-key=cls"}), ElementsAre(0, 1));
  EXPECT_THAT(notes_.warnings(), IsEmpty());
}

TEST_F(Samples, DamagedLabelsNeverCrash) {
  write_shard("set.tar", 3, [](auto& sample, int i) -> Files {
    return {{sample + ".json", R"({"label": )" + std::to_string(i) + "}"}, {sample + ".cls", "1"}};
  });
  const auto path = folder_ / "damaged.tar";
  read_damaged(read_file(folder_ / "set.tar"), path, 500, [&] {
    open({"damaged.tar"});
    open({"damaged.tar", "label-key=json"});
  });
}

}  // namespace
}  // namespace tessera
