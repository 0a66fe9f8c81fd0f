// Where a series cannot be drawn, its modality stands in the place of its thumbnail.
for (const image of document.querySelectorAll(".thumb img")) {
  const otherwise = () => {
    const text = document.createElement("span");
    text.className = "quiet";
    text.textContent = image.parentElement.dataset.otherwise;
    image.replaceWith(text);
  };
  if (image.complete && image.currentSrc && !image.naturalWidth) otherwise();
  else image.addEventListener("error", otherwise);
}
