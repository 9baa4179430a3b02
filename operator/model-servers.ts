// The real model servers, as the controller of LanguageModels wants them.
export class ConnectedServers {}
