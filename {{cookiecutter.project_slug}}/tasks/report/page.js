// A frame is as high as what is in it, so that the page has one scroll bar and is printed whole.
for (const frame of document.querySelectorAll("iframe")) {
  const fit = () => {
    const body = frame.contentDocument?.body;
    if (body) frame.style.height = Math.min(body.offsetHeight + 34, 8000) + "px";
  };
  frame.addEventListener("load", fit);
  addEventListener("resize", fit);
  fit();
}
