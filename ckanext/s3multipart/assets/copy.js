/* A button that copies a text, and says so for a moment. */
ckan.module("s3multipart-copy", function () {
  "use strict";
  return {
    options: { text: "", copied: "" },
    initialize: function () {
      var button = this.el[0];
      var options = this.options;
      var label = button.textContent;
      // Browsers give the clipboard to pages that came over HTTPS, or from this machine.
      if (!navigator.clipboard) return;
      button.hidden = false;
      button.addEventListener("click", function () {
        navigator.clipboard.writeText(options.text).then(function () {
          button.textContent = options.copied;
          setTimeout(function () {
            button.textContent = label;
          }, 2000);
        });
      });
    },
  };
});
