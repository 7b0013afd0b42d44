// The page begins here.

import { Controller } from "./state/controller.ts";
import "./ui/app.ts";
import { controlledBy } from "./ui/element.ts";

const controller = new Controller();
controlledBy(controller);
document.body.append(document.createElement("page-app"));
await controller.start();
