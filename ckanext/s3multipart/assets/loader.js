/* Loads the uploader's modules, which are no part of CKAN's bundles: browsers fetch them as they are. */
ckan.module("s3multipart-uploader", function () {
  "use strict";
  return {
    initialize: function () {
      var root = this.el[0];
      import(root.dataset.scriptUrl).then(
        function (uploader) {
          uploader.mount(root);
        },
        function (error) {
          // CKAN's own upload field is there and works; only the administrator needs to know.
          console.error("s3multipart: the uploader could not be loaded", error);
        },
      );
    },
  };
});
